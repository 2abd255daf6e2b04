import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../src/tangle/queue.ts';
import type { Source } from '../../src/tangle/queue.ts';

interface Item {
  readonly bytes: Uint8Array;
  readonly source: Source;
}

const limits = { maxMessagesPerSource: 10, maxBytesPerSource: 1_000, maxPeerBytes: 1_500 };

function fill(queue: FairQueue<Item>, source: Source, [count, sizeBytes] = [20, 10]): number {
  let taken = 0;
  for (let n = 0; n < count; n++) {
    if (queue.push(source, { bytes: new Uint8Array(sizeBytes), source })) taken += 1;
  }
  return taken;
}

function bySource(items: readonly Item[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { source } of items) counts[source] = (counts[source] ?? 0) + 1;
  return counts;
}

describe('the queue at the door', () => {
  it('bounds each source by messages', () => {
    const queue = new FairQueue<Item>(limits);
    expect(fill(queue, 'client', [20, 10])).toBe(10);
    expect(fill(queue, 'peer:a', [20, 10])).toBe(10);
  });

  it('bounds each source by bytes, and all neighbours together', () => {
    const queue = new FairQueue<Item>(limits);
    expect(fill(queue, 'peer:a', [20, 250])).toBe(4);
    expect(fill(queue, 'peer:b', [20, 250])).toBe(2);
    expect(fill(queue, 'client', [20, 250])).toBe(4);
  });

  it('says how much waits', () => {
    const queue = new FairQueue<Item>(limits);
    fill(queue, 'client', [3, 10]);
    fill(queue, 'peer:a', [2, 20]);
    expect(queue.size()).toEqual({ messages: 5, bytes: 70 });
    queue.take(100);
    expect(queue.size()).toEqual({ messages: 0, bytes: 0 });
  });

  it('never refuses a message that was mined here', () => {
    const queue = new FairQueue<Item>(limits);
    fill(queue, 'client', [20, 10]);
    expect(fill(queue, 'mined', [50, 1_000])).toBe(50);
  });

  it('keeps half of a batch for clients and shares the rest turn by turn', () => {
    const queue = new FairQueue<Item>(limits);
    fill(queue, 'peer:a', [10, 10]);
    fill(queue, 'peer:b', [10, 10]);
    fill(queue, 'client', [10, 10]);
    expect(bySource(queue.take(8))).toEqual({ client: 5, 'peer:a': 2, 'peer:b': 1 });
    expect(bySource(queue.take(8))).toEqual({ client: 5, 'peer:a': 2, 'peer:b': 1 });
    expect(bySource(queue.take(100))).toEqual({ 'peer:a': 6, 'peer:b': 8 });
    expect(queue.isEmpty).toBe(true);
    expect(fill(queue, 'peer:a', [20, 10])).toBe(10);
  });
});
