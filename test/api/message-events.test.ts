import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { MessageEvents } from '../../src/api/message-events.ts';
import type { EventLog, Start } from '../../src/api/message-events.ts';
import type { StoredMessage } from '../../src/storage/store.ts';
import { aMessage } from '../support/messages.ts';

const logId = 'ab'.repeat(16);
const messages = Array.from({ length: 300 }, (_, position) =>
  aMessage({ data: `${position}`, minScore: 0 }),
);

/** A log that grows when told to; it counts what is read of it. */
class TestLog implements EventLog {
  logId = logId;
  cutSeq = 0;
  lastSeq = 0;
  readCount = 0;
  wake: () => void = () => undefined;

  readonly watch = (wake: () => void): (() => void) => {
    this.wake = wake;
    return () => (this.wake = () => undefined);
  };

  readonly readLog: EventLog['readLog'] = ({ fromSeq, limit }) => {
    const found: StoredMessage[] = [];
    for (let seq = fromSeq; seq <= this.lastSeq && found.length < limit; seq++) {
      const { id, bytes } = messages[(seq - 1) % messages.length]!;
      found.push({ seq, id, bytes, arrivalMs: seq, isLazy: false });
    }
    this.readCount += found.length;
    return Promise.resolve(found);
  };

  grow(count: number): void {
    this.lastSeq += count;
    this.wake();
  }
}

const opened: MessageEvents[] = [];
afterEach(() => {
  for (const events of opened.splice(0)) events.destroy();
});

function listen(log: TestLog, start?: Start, none?: 'none match') {
  const silenceMs = none === undefined ? 60_000 : 0;
  const matches = (): boolean => none === undefined;
  const deps = { log, watch: log.watch, silenceMs };
  const events = new MessageEvents(deps, matches, start).setEncoding('utf8');
  opened.push(events);
  return events;
}

/** The ids of the events up to the one with this seq, with the name of each. */
async function upTo(events: MessageEvents, seq: number): Promise<string[]> {
  const seen: string[] = [];
  let text = '';
  events.on('data', (chunk: string) => {
    text += chunk;
    const found = [...text.matchAll(/event: (\w+)\nid: \w{32}-(\d+)/g)];
    seen.splice(0, seen.length, ...found.map(([, name, id]) => `${name} ${id}`));
  });
  while (!seen.some((event) => event.endsWith(` ${seq}`))) await once(events, 'data');
  return seen;
}

describe('message events', () => {
  it('begin with what comes next when there is no cursor', async () => {
    const log = new TestLog();
    log.grow(5);
    const events = listen(log);
    await once(events, 'readable');
    log.grow(2);
    expect(await upTo(events, 7)).toEqual(['message 6', 'message 7']);
  });

  it('go on behind the cursor', async () => {
    const log = new TestLog();
    log.grow(200);
    const seen = await upTo(listen(log, { logId, seq: 3 }), 200);
    expect([seen[0], seen.length]).toEqual(['message 4', 197]);
  });

  it.each([0, 3, 5])(
    'tell what pruning took away behind cursor %i before it was read',
    async (seq) => {
      const log = new TestLog();
      log.grow(7);
      log.cutSeq = 6;
      expect(await upTo(listen(log, { logId, seq }), 7)).toEqual(['gap 6', 'message 7']);
    },
  );

  it('begin with the oldest there is when that is asked for, and nothing is missing', async () => {
    const log = new TestLog();
    log.grow(7);
    log.cutSeq = 6;
    expect(await upTo(listen(log, 'oldest'), 7)).toEqual(['message 7']);
  });

  it('tell one gap of another log of which the beginning is pruned', async () => {
    const log = new TestLog();
    log.grow(7);
    log.cutSeq = 6;
    const seen = await upTo(listen(log, { logId: 'cd'.repeat(16), seq: 9 }), 7);
    expect(seen).toEqual(['gap 0', 'message 7']);
  });

  it('begin again when the log of the cursor is not this one, and say so', async () => {
    const log = new TestLog();
    log.grow(2);
    const seen = await upTo(listen(log, { logId: 'cd'.repeat(16), seq: 900 }), 2);
    expect(seen).toEqual(['gap 0', 'message 1', 'message 2']);
  });

  it('end when the log becomes another one, so that the listener comes again with its cursor', async () => {
    const log = new TestLog();
    const events = listen(log);
    await once(events, 'readable');
    log.logId = 'cd'.repeat(16);
    events.resume();
    log.wake();
    await once(events, 'close');
    expect(events.readableEnded).toBe(true);
  });

  it('are those that match; of the others only the position is told', async () => {
    const log = new TestLog();
    const events = listen(log, undefined, 'none match');
    const seen: string[] = [];
    events.on('data', (chunk: string) => seen.push(chunk));
    log.grow(100);
    while (!seen.includes(`: waiting\nid: ${logId}-100\n\n`)) await once(events, 'data');
    expect(seen.join('')).not.toMatch('event:');
  });

  it('are read only as far as the listener reads', async () => {
    const log = new TestLog();
    const events = listen(log, { logId, seq: 0 });
    log.grow(100_000);
    await once(events, 'readable');
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(log.readCount).toBeLessThanOrEqual(128);
    expect(events.readableLength).toBeLessThan(64 * 1024);
  });
});
