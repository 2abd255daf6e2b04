import { describe, expect, it } from 'vitest';
import type { StoredMessage } from '../../src/storage/store.ts';
import { Absence } from '../../src/tangle/absence.ts';
import { isLazyChild } from '../../src/tangle/candidate.ts';
import { HandClock } from '../support/clock.ts';
import { aMessage, testNetwork } from '../support/messages.ts';

const maxParentAgeMs = 900_000;

function storeWith(arrivalMs?: number) {
  const { id, bytes } = aMessage({ networkId: testNetwork.id });
  const newest: StoredMessage[] =
    arrivalMs === undefined ? [] : [{ seq: 1, arrivalMs, isLazy: false, id, bytes }];
  return { readLogBackwards: () => Promise.resolve(newest) };
}

describe('an absence', () => {
  it('begins with the newest message and ends when the others were caught up with', async () => {
    const clock = new HandClock();
    const beganMs = clock.now() - 86_400_000;
    let isThere = false;
    const deps = { store: storeWith(beganMs), clock, hasCaughtUp: () => isThere };
    const absence = await Absence.open({ maxParentAgeMs }, deps);
    expect(absence.sinceMs).toBe(beganMs);
    isThere = true;
    expect(absence.sinceMs).toBeUndefined();
    isThere = false;
    expect(absence.sinceMs).toBeUndefined();
  });

  it('ends by itself, and is none where nothing is stored', async () => {
    const clock = new HandClock();
    const deps = { store: storeWith(), clock, hasCaughtUp: () => false };
    const absence = await Absence.open({ maxParentAgeMs }, deps);
    expect(absence.sinceMs).toBe(clock.now());
    clock.advance(maxParentAgeMs);
    expect(absence.sinceMs).toBeUndefined();
  });

  it('makes no parent older, and none younger', () => {
    const awaySinceMs = 10_000_000;
    const times = { nowMs: awaySinceMs + 86_400_000, maxParentAgeMs, awaySinceMs };
    const isStale = (firstChildMs: number | undefined): boolean =>
      isLazyChild([{ isLazy: false, firstChildMs }], times);
    expect(isStale(undefined)).toBe(false);
    expect(isStale(awaySinceMs)).toBe(false);
    expect(isStale(awaySinceMs - maxParentAgeMs)).toBe(false);
    expect(isStale(awaySinceMs - maxParentAgeMs - 1)).toBe(true);
    // It came when the node was there again.
    expect(isStale(times.nowMs - maxParentAgeMs)).toBe(false);
    expect(isStale(awaySinceMs + 1)).toBe(true);
    expect(isLazyChild([{ isLazy: true, firstChildMs: undefined }], times)).toBe(true);
  });
});
