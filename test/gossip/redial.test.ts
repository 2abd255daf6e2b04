import { describe, expect, it } from 'vitest';
import { Redial } from '../../src/gossip/redial.ts';
import { HandClock } from '../support/clock.ts';

/** The waits before the next dials, when none succeeds. */
function waitsWith(random: number, dials: number): number[] {
  const clock = new HandClock();
  const redial = new Redial({ clock, random: () => random });
  return Array.from({ length: dials }, () => {
    redial.begin('peer');
    const beganMs = clock.now();
    while (!redial.isDue('peer')) clock.advance(500);
    return clock.now() - beganMs;
  });
}

describe('a neighbour that cannot be reached', () => {
  it('is dialled after waits that double, up to a minute', () => {
    expect(waitsWith(0.5, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1_000));
  });

  it('is dialled up to half a wait earlier or later, so that two nodes do not cross for ever', () => {
    expect(waitsWith(0, 3)).toEqual([500, 1_000, 2_000]);
    expect(waitsWith(1, 3)).toEqual([1_500, 3_000, 6_000]);
  });

  it('is dialled at once after a good stream', () => {
    const redial = new Redial({ clock: new HandClock(), random: () => 0.5 });
    redial.begin('peer');
    expect([redial.isDue('peer'), redial.isDue('other')]).toEqual([false, true]);
    redial.forget('peer');
    expect(redial.isDue('peer')).toBe(true);
  });
});
