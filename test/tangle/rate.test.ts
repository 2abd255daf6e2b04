import { describe, expect, it } from 'vitest';
import { RateMeter } from '../../src/tangle/rate.ts';
import { HandClock } from '../support/clock.ts';

describe('the rate meter', () => {
  it('averages the last ten seconds and forgets what is older', () => {
    const clock = new HandClock(5_000);
    const meter = new RateMeter(clock);
    meter.add(50);
    clock.advance(3_000);
    meter.add(50);
    expect(meter.perSecond()).toBe(10);
    clock.advance(7_000);
    expect(meter.perSecond()).toBe(5);
    clock.advance(3_000);
    expect(meter.perSecond()).toBe(0);
    clock.advance(1_000_000);
    expect(meter.perSecond()).toBe(0);
  });
});
