import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blake2b256 } from '../../src/protocol/hash.ts';
import {
  asMessageId,
  ed25519AddressOf,
  genesisId,
  messageIdHex,
  messageIdOf,
  milestoneIdOf,
  networkIdOf,
  nonceOf,
  outputIdOf,
  parseMessageId,
  powDigestOf,
  transactionIdOf,
} from '../../src/protocol/ids.ts';
import { bytesFromHex, hexOf } from '../../src/protocol/bytes.ts';
import addresses from '../vectors/addresses.json' with { type: 'json' };
import networks from '../vectors/networks.json' with { type: 'json' };
import { codeOf, numbered } from './builders.ts';

describe('network id', () => {
  it.each(networks)('of $name is $networkId', ({ name, networkId }) => {
    expect(networkIdOf(name)).toBe(BigInt(networkId));
  });
});

describe('Ed25519 address', () => {
  it.each(addresses)('of $publicKey', ({ publicKey, address }) => {
    expect(hexOf(ed25519AddressOf(bytesFromHex(publicKey, 'publicKey')))).toBe(address);
  });
});

describe('message id', () => {
  it('is the hash of all bytes', () => {
    const bytes = numbered(1, 60);
    expect(messageIdOf(bytes)).toEqual(blake2b256(bytes));
  });

  it('goes to hex and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(parseMessageId(messageIdHex(asMessageId(bytes)), 'id')).toEqual(bytes);
      }),
    );
  });

  it.each([31, 33])('is refused as hex of %i bytes', (sizeBytes) => {
    expect(codeOf(() => parseMessageId('ab'.repeat(sizeBytes), 'id'))).toBe('HEX_INVALID');
  });

  it.each([31, 33])('of %i bytes is a bug, not an error of the sender', (sizeBytes) => {
    expect(() => asMessageId(new Uint8Array(sizeBytes))).toThrow('32 bytes');
  });

  it('of the genesis is 32 zero bytes', () => {
    expect(messageIdHex(genesisId)).toBe('00'.repeat(32));
  });
});

describe('proof of work', () => {
  // The example of TIP-12.
  const message = bytesFromHex('48656c6c6f2c20576f726c64215ee6aaaaaaaaaaaa', 'message');

  it('has a digest of all but the nonce', () => {
    expect(hexOf(powDigestOf(message))).toBe(
      '511bc81dde11180838c562c82bb35f3223f46061ebde4a955c27b3f489cf1e03',
    );
  });

  it('has its nonce in the last eight bytes, also of a view', () => {
    const around = Uint8Array.from([7, 7, ...message, 7]);
    expect(nonceOf(message)).toBe(0xaaaaaaaaaaaae65en);
    expect(nonceOf(around.subarray(2, -1))).toBe(0xaaaaaaaaaaaae65en);
  });
});

describe('ids inside payloads', () => {
  it('are hashes of the bytes they are taken of', () => {
    const bytes = numbered(1, 100);
    expect(transactionIdOf(bytes)).toEqual(blake2b256(bytes));
    expect(milestoneIdOf(bytes)).toEqual(blake2b256(bytes));
  });

  it('name an output by its transaction and its position', () => {
    const id = outputIdOf(numbered(1), 0x0102);
    expect(hexOf(id)).toBe(`${hexOf(numbered(1))}0201`);
  });
});
