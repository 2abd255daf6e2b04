import { describe, expect, it } from 'vitest';
import { Compactor } from '../../src/pruning/compactor.ts';
import type { CompactionPart } from '../../src/storage/compaction.ts';

const MiB = 1024 * 1024;
const slice = { cutSeq: 1_000, messageCount: 1_000, sizeBytes: MiB };

function aCompactor(store: { staleIndexCount: number; messageCount: number }) {
  const done: CompactionPart[] = [];
  let nowMs = 0;
  const compactor = new Compactor(
    { maxSizeBytes: 64 * MiB },
    {
      store: Object.assign(store, {
        compact: (part: CompactionPart): Promise<void> => {
          done.push(part);
          return Promise.resolve();
        },
      }),
      evenMs: () => nowMs,
    },
  );
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { compactor, done, pass };
}

const stop = new AbortController().signal;
const calm = { isUrgent: false, isTight: false };
const urgent = { isUrgent: true, isTight: false };
const tight = { isUrgent: true, isTight: true };

describe('compaction', () => {
  it('is due after a sixteenth of the limit where room is short, elsewhere after four', () => {
    const { compactor } = aCompactor({ staleIndexCount: 0, messageCount: 10_000 });
    for (let count = 0; count < 4; count++) compactor.wasCut(slice);
    expect([compactor.isFull(true), compactor.isFull(false)]).toEqual([true, false]);
    for (let count = 0; count < 12; count++) compactor.wasCut(slice);
    expect(compactor.isFull(false)).toBe(true);
    expect(compactor.isDue(calm)).toBe(true);
  });

  it('of the log is due for whoever waits, and a minute after the cut', () => {
    const { compactor, pass } = aCompactor({ staleIndexCount: 0, messageCount: 10_000 });
    expect(compactor.isDue(tight)).toBe(false);
    compactor.wasCut(slice);
    expect(compactor.isDue(calm)).toBe(false);
    expect(compactor.isDue(urgent)).toBe(true);
    pass(60_001);
    expect(compactor.isDue(calm)).toBe(true);
  });

  it('takes the log first, then the index until little of it is stale', async () => {
    const store = { staleIndexCount: 4_000, messageCount: 10_000 };
    const { compactor, done } = aCompactor(store);
    compactor.wasCut(slice);
    await compactor.compact(stop);
    expect(compactor.reclaimableBytes).toBe(0);
    expect([compactor.isDue(calm), compactor.isDue(urgent)]).toEqual([false, true]);
    await compactor.compact(stop);
    expect(done).toEqual(['log', 'index']);
    store.staleIndexCount = 600;
    expect(compactor.isDue(urgent)).toBe(false);
    store.staleIndexCount = 5_001;
    expect(compactor.isDue(calm)).toBe(true);
  });
});
