import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Audience, listensMs, longestDrainMs, maxRemembered } from '../../src/balance/audience.ts';
import { HandClock } from '../support/clock.ts';

function anAudience() {
  const clock = new HandClock();
  return { clock, audience: new Audience(clock, clock.setTimer) };
}

/** Whether it was over before anything else could happen. */
function isOver(drained: Promise<void>): Promise<boolean> {
  return Promise.race([drained.then(() => true), setImmediate(false)]);
}

describe('a drain', () => {
  it('ends at once when nobody asks', async () => {
    const { audience } = anAudience();
    expect(audience.isDraining).toBe(false);
    await audience.drain();
    expect(audience.isDraining).toBe(true);
  });

  it('lasts until everyone who asked of late has asked again', async () => {
    const { audience } = anAudience();
    audience.hear('proxy api');
    audience.hear('proxy pow');
    const drained = audience.drain();
    audience.hear('proxy api');
    audience.hear('proxy api');
    audience.hear('someone new');
    expect(await isOver(drained)).toBe(false);
    audience.hear('proxy pow');
    await drained;
  });

  it('does not wait for who has not asked for long', async () => {
    const { clock, audience } = anAudience();
    audience.hear('proxy api');
    clock.advance(listensMs + 1);
    expect(await isOver(audience.drain())).toBe(true);
  });

  it('gives up on who does not ask again', async () => {
    const { clock, audience } = anAudience();
    audience.hear('proxy api');
    const drained = audience.drain();
    clock.advance(longestDrainMs - 1);
    expect(await isOver(drained)).toBe(false);
    clock.advance(1);
    await drained;
  });

  it('remembers a bounded number of those who ask', async () => {
    const { audience } = anAudience();
    for (let asker = 0; asker <= maxRemembered; asker++) audience.hear(`${asker}`);
    const drained = audience.drain();
    for (let asker = 1; asker <= maxRemembered; asker++) audience.hear(`${asker}`);
    expect(await isOver(drained)).toBe(true);
  });
});
