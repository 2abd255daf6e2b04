import { describe, expect, it } from 'vitest';
import { nonceOf, powDigestOf } from '../../src/protocol/ids.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import { verifyWork } from '../../src/pow/verify.ts';
import vectors from '../vectors/pow.json' with { type: 'json' };

describe('verifyWork', () => {
  it('finds the zeros of all vectors, in order', () => {
    const work = vectors.map(({ bytes }) => {
      const message = Buffer.from(bytes, 'hex');
      return { digest: powDigestOf(message), nonce: nonceOf(message) };
    });
    expect([...verifyWork(work)]).toEqual(vectors.map(({ zeros }) => zeros));
  });

  it.each([0, 1, 31, 32, 33, 200])('keeps the order of %i items', (count) => {
    const digest = new Uint8Array(32).fill(count);
    const work = Array.from({ length: count }, (_, index) => ({ digest, nonce: BigInt(index) }));
    const expected = work.map(({ nonce }) => trailingZeros(digest, nonce));
    expect([...verifyWork(work)]).toEqual(expected);
  });
});
