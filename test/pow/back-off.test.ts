import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextShare } from '../../src/pow/back-off.ts';

const aBudget = fc.double({ min: 0.05, max: 1, noNaN: true });
const aDelay = fc.integer({ min: 0, max: 5_000 });

describe('backing off', () => {
  it('halves the share each time the node is late, and stops before nothing is left', () => {
    expect(nextShare(0.8, 0.8, 100)).toBe(0.4);
    expect(nextShare(0.4, 0.8, 100)).toBe(0.2);
    expect(nextShare(0.05, 0.8, 100)).toBe(0.05);
  });

  it('is over a few looks after the node is in time again, and at once when nothing is wrong', () => {
    let share = 0.05;
    for (let look = 0; look < 4; look++) share = nextShare(share, 0.8, 0);
    expect(share).toBe(0.8);
    expect(nextShare(0.8, 0.8, 5)).toBe(0.8);
  });

  it('never goes above the budget, nor to nothing, also when the budget changes', () => {
    const changes = fc.array(fc.record({ budget: aBudget, delayMs: aDelay }));
    fc.assert(
      fc.property(aBudget, changes, (first, steps) => {
        let share = first;
        for (const { budget, delayMs } of steps) {
          share = nextShare(share, budget, delayMs);
          expect(share).toBeLessThanOrEqual(budget);
          expect(share).toBeGreaterThanOrEqual(budget / 16);
        }
      }),
    );
  });
});
