import { PowHelper } from '@iota/iota.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nonceOf, powDigestOf } from '../../src/protocol/ids.ts';
import { powInput, trailingZeros } from '../../src/pow/curl.ts';
import vectors from '../vectors/pow.json' with { type: 'json' };

const tritsOf = (byte: number): number[] => [
  ...powInput(new Uint8Array(32).fill(byte), 0n).subarray(0, 6),
];

describe('the scalar reference', () => {
  it('finds the zeros of every vector', () => {
    const found = vectors.map(({ bytes }) => {
      const message = Buffer.from(bytes, 'hex');
      return trailingZeros(powDigestOf(message), nonceOf(message));
    });
    expect(found).toEqual(vectors.map(({ zeros }) => zeros));
  });

  it('finds nine zeros in the example of TIP-12', () => {
    const message = Buffer.from('48656c6c6f2c20576f726c64215ee6aaaaaaaaaaaa', 'hex');
    const digest = powDigestOf(message);
    expect(Buffer.from(digest).toString('hex')).toBe(
      '511bc81dde11180838c562c82bb35f3223f46061ebde4a955c27b3f489cf1e03',
    );
    expect(trailingZeros(digest, nonceOf(message))).toBe(9);
  });

  it('scores random messages as the public client does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), (message) => {
        const zeros = trailingZeros(powDigestOf(message), nonceOf(message));
        expect(3 ** zeros / message.length).toBe(PowHelper.score(message));
      }),
      { numRuns: 50 },
    );
  });

  it('writes bytes as six balanced trits, the least significant first', () => {
    expect(tritsOf(1)).toEqual([1, 0, 0, 0, 0, 0]);
    expect(tritsOf(127)).toEqual([1, 0, -1, -1, -1, 1]);
    expect(tritsOf(128)).toEqual([1, -1, 1, 1, 1, -1]);
    expect(tritsOf(255)).toEqual([-1, 0, 0, 0, 0, 0]);
  });

  it('takes 32 bytes of digest and no other length', () => {
    expect(() => trailingZeros(new Uint8Array(31), 0n)).toThrow('31 !== 32');
    expect(() => trailingZeros(new Uint8Array(33), 0n)).toThrow('33 !== 32');
  });
});
