import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { candidateOf } from '../../src/tangle/candidate.ts';
import { SolidFeed } from '../../src/tangle/events.ts';
import type { SolidMessage } from '../../src/tangle/events.ts';
import { aMessage } from '../support/messages.ts';

function solid(data: string): SolidMessage {
  const { id, bytes } = aMessage({ data });
  return candidateOf(bytes, decodeMessage(bytes), id);
}

const one = solid('1');
const two = solid('2');

describe('a subscription', () => {
  it('gets what is published after it, in order, until it ends', async () => {
    const feed = new SolidFeed();
    feed.publish([one]);
    const subscription = feed.subscribe({ maxMessages: 10, maxBytes: 10_000 });
    const seen: (readonly SolidMessage[])[] = [];
    const reading = (async () => {
      for await (const batch of subscription.batches()) {
        seen.push(batch);
        if (seen.length === 1) feed.publish([two, one]);
        else subscription[Symbol.dispose]();
      }
    })();
    feed.publish([one]);
    await reading;
    feed.publish([two]);
    expect(seen).toEqual([[one], [two, one]]);
  });

  it('skips and counts what finds no room, by number and by bytes', async () => {
    const feed = new SolidFeed();
    using few = feed.subscribe({ maxMessages: 2, maxBytes: 10_000 });
    using small = feed.subscribe({ maxMessages: 10, maxBytes: one.bytes.length });
    feed.publish([one, two, one]);
    expect([few.skippedCount, small.skippedCount]).toEqual([1, 2]);
    expect((await few.batches().next()).value).toEqual([one, two]);
    feed.publish([one]);
    expect(few.skippedCount).toBe(1);
  });
});

describe('a watcher', () => {
  it('is woken once for each publication, until it ends', () => {
    const feed = new SolidFeed();
    let count = 0;
    const unwatch = feed.watch(() => (count += 1));
    feed.publish([one, two]);
    feed.publish([one]);
    unwatch();
    feed.publish([two]);
    expect(count).toBe(2);
  });
});
