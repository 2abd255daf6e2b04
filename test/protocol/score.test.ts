import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxMessageBytes } from '../../src/protocol/message.ts';
import { largestSizeFor, requiredZeros, scoreOf } from '../../src/protocol/score.ts';
import pow from '../vectors/pow.json' with { type: 'json' };

const sizes = fc.integer({ min: 53, max: maxMessageBytes });
const scores = fc.oneof(
  fc.integer({ min: 1, max: 100_000 }),
  fc.double({ min: 0.001, max: 1e6, noNaN: true }),
);

describe('scoreOf', () => {
  it('gives the score of every known message', () => {
    for (const { bytes, zeros, score } of pow) {
      expect(scoreOf(zeros, bytes.length / 2)).toBe(score);
    }
  });

  it('gives that of the example of TIP-12', () => {
    expect(scoreOf(9, 21)).toBe(937.2857142857143);
  });
});

describe('requiredZeros', () => {
  it.each([
    [53, 4000, 12],
    [300, 4000, 13],
    [32_285, 4000, 17],
    [32_286, 4000, 18],
    [maxMessageBytes, 4000, 18],
    [300, 0, 0],
  ])('for %i bytes and score %i are %i', (sizeBytes, minScore, zeros) => {
    expect(requiredZeros(sizeBytes, minScore)).toBe(zeros);
  });

  it('are enough, and one fewer is not', () => {
    fc.assert(
      fc.property(sizes, scores, (sizeBytes, minScore) => {
        const zeros = requiredZeros(sizeBytes, minScore);
        expect(scoreOf(zeros, sizeBytes)).toBeGreaterThanOrEqual(minScore);
        expect(zeros === 0 || scoreOf(zeros - 1, sizeBytes) < minScore).toBe(true);
      }),
    );
  });
});

describe('largestSizeFor', () => {
  it.each([
    [17, 4000, 32_285],
    [18, 4000, maxMessageBytes],
    [12, 4000, 132],
    [3, 4000, 0],
    [0, 0, maxMessageBytes],
  ])('of %i zeros and score %i is %i', (zeros, minScore, sizeBytes) => {
    expect(largestSizeFor(zeros, minScore)).toBe(sizeBytes);
  });

  it('reaches the score, and one byte more does not', () => {
    fc.assert(
      fc.property(fc.nat(25), scores, (zeros, minScore) => {
        const sizeBytes = largestSizeFor(zeros, minScore);
        expect(sizeBytes === 0 || scoreOf(zeros, sizeBytes) >= minScore).toBe(true);
        expect(sizeBytes === maxMessageBytes || scoreOf(zeros, sizeBytes + 1) < minScore).toBe(
          true,
        );
      }),
    );
  });
});
