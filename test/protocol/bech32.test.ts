import { Bech32Helper } from '@iota/iota.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAddress, encodeAddress } from '../../src/protocol/bech32.ts';
import { bytesFromHex } from '../../src/protocol/bytes.ts';
import addresses from '../vectors/addresses.json' with { type: 'json' };
import { codeOf } from './builders.ts';

const hrps = fc.constantFrom('iota', 'atoi', 'a', '1', 'a1b', '!', 'x'.repeat(30));
const address32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const known = addresses[0]?.iota ?? '';

describe('an address as text', () => {
  it.each(addresses)('of $address', ({ address, iota, atoi }) => {
    const bytes = bytesFromHex(address, 'address');
    expect(encodeAddress('iota', bytes)).toBe(iota);
    expect(encodeAddress('atoi', bytes)).toBe(atoi);
    expect(decodeAddress(iota)).toEqual({ hrp: 'iota', address: bytes });
    expect(decodeAddress(atoi.toUpperCase())).toEqual({ hrp: 'atoi', address: bytes });
  });

  it('goes there and back, and is what a client library writes', () => {
    fc.assert(
      fc.property(hrps, address32, (hrp, address) => {
        const text = encodeAddress(hrp, address);
        expect(decodeAddress(text)).toEqual({ hrp, address });
        expect(text).toBe(Bech32Helper.toBech32(0, address, hrp));
      }),
    );
  });

  it('is refused with any one letter changed', () => {
    fc.assert(
      fc.property(address32, fc.nat(63), fc.nat(35), (address, position, change) => {
        const text = encodeAddress('iota', address);
        const other = change.toString(36);
        fc.pre(text[position] !== other);
        const changed = text.slice(0, position) + other + text.slice(position + 1);
        expect(codeOf(() => decodeAddress(changed))).toBe('ADDRESS_INVALID');
      }),
    );
  });

  it('is refused, whatever the text, with one code', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[a-z0-9]{0,90}$/),
      fc.constantFrom('1', 'iota', 'iota1', '', `${known}q`, known.slice(0, -1), `x${known}`),
      fc.constantFrom(known.replace('iota1', 'IOTA1'), ` ${known}`, known.slice(5), `1${known}`),
      // Valid checksums over no address at all (BIP-173).
      fc.constantFrom('a12uel5l', '?1ezyfcl', 'abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw'),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(codeOf(() => decodeAddress(text))).toBe('ADDRESS_INVALID');
      }),
    );
  });

  it.each([1, 2, 8])('is refused for address type %i', (type) => {
    const text = Bech32Helper.toBech32(type, new Uint8Array(32), 'iota');
    expect(codeOf(() => decodeAddress(text))).toBe('ADDRESS_INVALID');
  });

  it.each(['', 'Iota', 'ï', 'a b', 'x'.repeat(31)])('cannot begin with %j', (hrp) => {
    expect(codeOf(() => encodeAddress(hrp, new Uint8Array(32)))).toBe('ADDRESS_INVALID');
  });

  it.each([31, 33])('cannot be made of %i bytes', (sizeBytes) => {
    expect(codeOf(() => encodeAddress('iota', new Uint8Array(sizeBytes)))).toBe('ADDRESS_INVALID');
  });
});
