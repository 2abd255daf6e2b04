import { blake2b } from '@noble/hashes/blake2.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blake2b256 } from '../../src/protocol/hash.ts';

describe('blake2b256', () => {
  it('agrees with another implementation on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40_000, size: 'max' }), (bytes) => {
        expect(blake2b256(bytes)).toEqual(blake2b(bytes, { dkLen: 32 }));
      }),
      { numRuns: 200 },
    );
  });

  it('returns memory of its own each time', () => {
    const first = blake2b256(Uint8Array.of(1));
    const copy = Uint8Array.from(first);
    blake2b256(Uint8Array.of(2));
    expect(first).toEqual(copy);
    expect(first.buffer.byteLength).toBe(32);
  });

  it('hashes a view without the bytes around it', () => {
    const around = Uint8Array.of(9, 1, 2, 3, 9);
    expect(blake2b256(around.subarray(1, 4))).toEqual(blake2b256(Uint8Array.of(1, 2, 3)));
  });
});
