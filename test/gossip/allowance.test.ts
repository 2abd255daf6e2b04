import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Allowance } from '../../src/gossip/allowance.ts';
import { HandClock } from '../support/clock.ts';

describe('an allowance', () => {
  it('is had at once up to its burst, and then waits for time to pass', async () => {
    const clock = new HandClock();
    const allowance = new Allowance(
      { perSecond: 10, burst: 20 },
      { clock, setTimer: clock.setTimer },
    );
    await allowance.spend(20);
    let isThere = false;
    const second = allowance.spend(15).then(() => (isThere = true));
    clock.advance(1_499);
    await setImmediate();
    expect(isThere).toBe(false);
    clock.advance(1);
    await second;
    expect(isThere).toBe(true);
  });
});
