import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/gossip/budget.ts';
import { HandClock } from '../support/clock.ts';

describe('a budget', () => {
  it('gives what is there, and more as time goes by, up to its burst', () => {
    const clock = new HandClock();
    const budget = new Budget({ perSecond: 10, burst: 20 }, clock);
    expect([budget.take(15), budget.take(10), budget.take(5)]).toEqual([true, false, true]);
    clock.advance(1_000);
    expect([budget.take(11), budget.take(10)]).toEqual([false, true]);
    clock.advance(3_600_000);
    expect([budget.take(21), budget.take(20)]).toEqual([false, true]);
  });

  it('says how long a debt lasts', () => {
    const clock = new HandClock();
    const budget = new Budget({ perSecond: 10, burst: 20 }, clock);
    budget.spend(25);
    expect(budget.waitMs()).toBe(500);
    clock.advance(500);
    expect(budget.waitMs()).toBe(0);
  });

  it('counts what is spent between two looks at the clock', () => {
    const clock = new HandClock();
    const budget = new Budget({ perSecond: 10, burst: 20 }, clock);
    clock.advance(5_000);
    budget.spend(0);
    for (let n = 0; n < 25; n++) budget.spendNow(1);
    expect(budget.waitMs()).toBe(500);
  });

  it('is not filled by a clock that goes backwards', () => {
    const clock = new HandClock();
    const budget = new Budget({ perSecond: 10, burst: 20 }, clock);
    budget.spend(20);
    clock.advance(-60_000);
    expect(budget.take(1)).toBe(false);
    clock.advance(100);
    expect(budget.take(1)).toBe(true);
  });
});
