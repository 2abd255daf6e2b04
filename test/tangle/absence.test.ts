import { describe, expect, it } from 'vitest';
import type { StoredMessage } from '../../src/storage/store.ts';
import { Absence } from '../../src/tangle/absence.ts';
import { isLazyChild } from '../../src/tangle/candidate.ts';
import { HandClock } from '../support/clock.ts';
import { aMessage, testNetwork } from '../support/messages.ts';

const maxParentAgeMs = 900_000;

/** What a node knows of itself: its newest message, and whether the neighbours have any that it has not. */
class Node {
  readonly clock = new HandClock();
  newestMs: number | undefined;
  isCurrent = false;

  open(): Promise<Absence> {
    const { id, bytes } = aMessage({ networkId: testNetwork.id });
    const newest = (): StoredMessage[] =>
      this.newestMs === undefined
        ? []
        : [{ seq: 1, arrivalMs: this.newestMs, isLazy: false, id, bytes }];
    return Absence.open(
      { maxParentAgeMs },
      {
        store: { readLogBackwards: () => Promise.resolve(newest()) },
        clock: this.clock,
        hasCaughtUp: () => this.isCurrent,
      },
    );
  }
}

describe('an absence', () => {
  it('begins with the newest message and ends when the others were caught up with', async () => {
    const node = new Node();
    node.newestMs = node.clock.now() - 86_400_000;
    const absence = await node.open();
    node.clock.advance(maxParentAgeMs);
    expect(absence.sinceMs).toEqual([node.newestMs]);
    absence.found();
    node.isCurrent = true;
    // The first one may have been away as well, and the next comes in a moment.
    node.clock.advance(59_999);
    expect(absence.sinceMs).toEqual([node.newestMs]);
    node.clock.advance(1);
    expect(absence.sinceMs).toEqual([]);
    node.isCurrent = false;
    expect(absence.sinceMs).toEqual([]);
  });

  it('ends by itself when somebody is there who cannot be caught up with', async () => {
    const node = new Node();
    const absence = await node.open();
    expect(absence.sinceMs).toEqual([node.clock.now()]);
    absence.found();
    node.clock.advance(maxParentAgeMs);
    expect(absence.sinceMs).toEqual([]);
  });

  it('begins anew when a running node loses its last neighbour, and once more on the way back', async () => {
    const node = new Node();
    const absence = await node.open();
    absence.found();
    node.isCurrent = true;
    node.clock.advance(maxParentAgeMs);
    const firstMs = (node.newestMs = node.clock.now());
    expect(absence.sinceMs).toEqual([]);
    absence.lost();
    await Promise.resolve();
    node.clock.advance(86_400_000);
    expect(absence.sinceMs).toEqual([firstMs]);
    absence.found();
    const secondMs = (node.newestMs = node.clock.now());
    absence.lost();
    await Promise.resolve();
    expect(absence.sinceMs).toEqual([firstMs, secondMs]);
  });

  it('of one that comes and goes is remembered within bounds', async () => {
    const node = new Node();
    const absence = await node.open();
    const [firstMs] = absence.sinceMs;
    for (let times = 0; times < 100; times++) {
      node.clock.advance(1_000);
      absence.found();
      absence.lost();
      await Promise.resolve();
    }
    expect(absence.sinceMs).toHaveLength(16);
    expect(absence.sinceMs.at(0)).toBe(firstMs);
    expect(absence.sinceMs.at(-1)).toBe(node.clock.now());
  });

  it('makes no parent older, and none younger', () => {
    const [wentMs, wentAgainMs] = [10_000_000, 50_000_000];
    const nowMs = wentAgainMs + 86_400_000;
    const isStale = (firstChildMs: number | undefined): boolean =>
      isLazyChild([{ isLazy: false, firstChildMs }], {
        nowMs,
        maxParentAgeMs,
        awaySinceMs: [wentMs, wentAgainMs],
      });
    expect(isStale(undefined)).toBe(false);
    for (const sinceMs of [wentMs, wentAgainMs]) {
      expect(isStale(sinceMs)).toBe(false);
      expect(isStale(sinceMs - maxParentAgeMs)).toBe(false);
      expect(isStale(sinceMs - maxParentAgeMs - 1)).toBe(true);
    }
    // It came when the node was there again.
    expect(isStale(nowMs - maxParentAgeMs)).toBe(false);
    expect(isStale(wentAgainMs + 1)).toBe(true);
    const lazy = [{ isLazy: true, firstChildMs: undefined }];
    expect(isLazyChild(lazy, { nowMs, maxParentAgeMs, awaySinceMs: [wentMs] })).toBe(true);
  });
});
