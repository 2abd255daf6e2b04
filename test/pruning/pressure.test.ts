import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowanceOf } from '../../src/pruning/policy.ts';
import { delayOf } from '../../src/pruning/pressure.ts';

const MiB = 1024 * 1024;

describe('the door', () => {
  it('is open below the limit, and always when there is none', () => {
    expect(delayOf(100 * MiB, 100 * MiB)).toBe(0);
    expect(delayOf(1e15, undefined)).toBe(0);
  });

  it('is shut while half of the allowance is left', () => {
    const sizes = fc.integer({ min: 64 * MiB, max: 1e13 });
    fc.assert(
      fc.property(sizes, (maxSizeBytes) => {
        const half = maxSizeBytes + allowanceOf(maxSizeBytes) / 2;
        expect(delayOf(Math.ceil(half) + 1, maxSizeBytes)).toBe(Infinity);
        expect(delayOf(half - MiB, maxSizeBytes)).toBeLessThanOrEqual(50);
      }),
    );
  });

  it('is the slower the larger the folder is', () => {
    const excess = fc.nat(200 * MiB);
    fc.assert(
      fc.property(excess, excess, (a, b) => {
        const [small, large] = a < b ? [a, b] : [b, a];
        const limit = 64 * MiB;
        expect(delayOf(limit + small, limit)).toBeLessThanOrEqual(delayOf(limit + large, limit));
      }),
    );
  });
});

describe('the allowance', () => {
  it('is a tenth, but at least 64 MiB', () => {
    expect(allowanceOf(100 * MiB)).toBe(64 * MiB);
    expect(allowanceOf(1000 * MiB)).toBe(100 * MiB);
  });
});
