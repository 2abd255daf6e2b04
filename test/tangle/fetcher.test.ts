import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type { FetchLimits } from '../../src/tangle/fetch-limits.ts';
import { fetchLimits } from '../../src/tangle/fetch-limits.ts';
import { Fetcher } from '../../src/tangle/fetcher.ts';
import { HandClock } from '../support/clock.ts';

const anId = (number: number): MessageId => {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return asMessageId(bytes);
};
const numberOf = (id: MessageId): number => new DataView(id.buffer, id.byteOffset).getUint32(0);

interface Setting {
  readonly neighbours?: readonly string[];
  readonly limits?: Partial<FetchLimits>;
  /** Neighbours that cannot take a request. */
  readonly full?: readonly string[];
}

/** A fetcher whose requests are written down as `peer number`. */
function aFetcher({ neighbours = ['a', 'b', 'c'], limits = {}, full = [] }: Setting = {}) {
  const clock = new HandClock();
  const sent: string[] = [];
  const rested: number[] = [];
  const request = (peerId: string, id: MessageId): boolean => {
    if (full.includes(peerId)) return false;
    sent.push(`${peerId} ${numberOf(id)}`);
    return true;
  };
  const fetcher = new Fetcher(
    {
      request,
      neighbours: () => neighbours,
      onRested: () => rested.push(clock.now()),
      clock,
      setTimer: clock.setTimer,
      log: silentLogger,
    },
    limits,
  );
  const want = (id: number, missing: readonly number[], peerId = 'b') =>
    fetcher.want({ id: anId(id), missing: missing.map(anId), peerId });
  const stateOf = (id: number) => fetcher.why(anId(id))?.state;
  return { clock, sent, rested, fetcher, want, stateOf };
}

describe('the fetcher', () => {
  it('asks the sender first, then everybody else, then all again, and gives up', () => {
    const { clock, sent, fetcher, want, stateOf } = aFetcher({ limits: { maxTries: 4 } });
    const startMs = clock.now();
    want(1, [2]);
    expect(sent).toEqual(['b 2']);
    clock.advance(fetchLimits.timeoutMs * 3);
    expect(sent.slice(0, 3).toSorted()).toEqual(['a 2', 'b 2', 'c 2']);
    expect(sent).toHaveLength(4);
    expect(stateOf(2)).toBe('asking');
    clock.advance(fetchLimits.timeoutMs);
    expect(sent).toHaveLength(4);
    expect(fetcher.wantedCount).toBe(0);
    const report = fetcher.why(anId(2));
    expect(report?.state).toBe('not_found');
    expect(report?.asked[0]).toEqual({ peerId: 'b', atMs: startMs });
    expect(report?.againMs).toBe(clock.now() + fetchLimits.restMs);
  });

  it('asks during the rest only whoever names the id, once; all again after it', () => {
    const { clock, sent, want, stateOf } = aFetcher({ limits: { maxTries: 3 } });
    want(1, [2]);
    clock.advance(fetchLimits.timeoutMs * 3);
    expect(stateOf(2)).toBe('not_found');
    want(1, [2], 'c');
    expect(sent.slice(3)).toEqual(['c 2']);
    clock.advance(fetchLimits.timeoutMs);
    expect(stateOf(2)).toBe('not_found');
    clock.advance(fetchLimits.restMs);
    want(1, [2], 'c');
    clock.advance(fetchLimits.timeoutMs);
    expect(sent.slice(4)).toHaveLength(2);
    expect(stateOf(2)).toBe('asking');
  });

  it('asks whoever else sent a child before those who did not', () => {
    const { clock, sent, want } = aFetcher({ neighbours: ['a', 'b', 'c', 'd', 'e'] });
    want(1, [9], 'd');
    want(2, [9], 'e');
    clock.advance(fetchLimits.timeoutMs);
    expect(sent).toEqual(['d 9', 'e 9']);
  });

  it('turns to another neighbour when one cannot take a request, and waits while there is none', () => {
    const busy = aFetcher({ full: ['b'] });
    busy.want(1, [2]);
    expect(busy.sent).toHaveLength(1);
    expect(busy.sent[0]).not.toBe('b 2');
    const alone = aFetcher({ neighbours: [] });
    alone.want(1, [2]);
    alone.clock.advance(fetchLimits.timeoutMs * 20);
    expect(alone.fetcher.why(anId(2))).toMatchObject({ state: 'asking', asked: [] });
  });

  it('forgets what arrived, solid or not', () => {
    const { clock, sent, fetcher, want, stateOf } = aFetcher();
    want(1, [2, 3]);
    fetcher.arrived([anId(2)]);
    want(3, [2], 'a');
    expect(stateOf(3)).toBeUndefined();
    fetcher.arrived([anId(2), anId(3), anId(1)]);
    clock.advance(fetchLimits.timeoutMs * 20);
    expect(sent).toEqual(['b 2', 'b 3', 'a 2']);
    expect(fetcher.wantedCount).toBe(0);
  });

  it('goes down a bounded number of generations, then leaves the root alone for a time', () => {
    const { clock, sent, want, stateOf } = aFetcher({ limits: { maxGenerations: 3 } });
    for (let depth = 0; depth < 4; depth++) want(10 + depth, [11 + depth]);
    expect(sent).toEqual(['b 11', 'b 12', 'b 13']);
    expect(stateOf(14)).toBe('below_horizon');
    want(10, [11]);
    expect(sent).toHaveLength(3);
    // Another message that names the same past is judged by its own depth.
    want(99, [14], 'c');
    expect(sent.at(-1)).toBe('c 14');
    clock.advance(fetchLimits.restMs);
    want(10, [11]);
    expect(sent.at(-1)).toBe('b 11');
  });

  it('fetches a bounded number of messages for one root', () => {
    const { fetcher, want, stateOf } = aFetcher({ limits: { maxMessagesPerRoot: 10 } });
    want(0, [1, 2, 3, 4, 5, 6]);
    want(1, [11, 12, 13, 14]);
    want(2, [15]);
    expect(stateOf(15)).toBe('below_horizon');
    expect(stateOf(3)).toBe('below_horizon');
    expect(fetcher.wantedCount).toBe(0);
  });

  it('goes on for the roots that are within reach when one is not', () => {
    const { want, stateOf } = aFetcher({ limits: { maxGenerations: 2 } });
    want(1, [2]);
    want(2, [3]);
    want(7, [3], 'a');
    want(3, [4]);
    expect(stateOf(4)).toBe('asking');
  });

  it('bounds what neighbours make it want at the cost of the greediest', () => {
    const { fetcher, want, stateOf } = aFetcher({ limits: { maxWanted: 10 } });
    want(1, [1001], 'honest');
    for (let id = 2; id < 100; id++) want(id, [1000 + id], 'greedy');
    expect(fetcher.wantedCount).toBe(10);
    expect(stateOf(1001)).toBe('asking');
    expect(stateOf(1099)).toBe('asking');
    expect(stateOf(1002)).toBeUndefined();
  });

  it('remembers a bounded number of what it gave up', () => {
    const { clock, want, stateOf } = aFetcher({ limits: { maxTries: 1, maxGivenUp: 3 } });
    for (let id = 1; id <= 5; id++) want(id, [100 + id]);
    clock.advance(fetchLimits.timeoutMs);
    expect([101, 102, 103, 104, 105].map(stateOf)).toEqual([
      undefined,
      undefined,
      'not_found',
      'not_found',
      'not_found',
    ]);
  });

  it('says after each rest that it may be asked again, until it is closed', () => {
    const { clock, sent, rested, fetcher, want } = aFetcher();
    clock.advance(fetchLimits.restMs * 2);
    expect(rested).toHaveLength(2);
    want(1, [2]);
    fetcher[Symbol.dispose]();
    clock.advance(fetchLimits.restMs * 2);
    expect(sent).toEqual(['b 2']);
    expect(rested).toHaveLength(2);
  });

  it('keeps nothing of a message but the ids that it lacks', () => {
    const kept: ArrayBufferLike[] = [];
    const clock = new HandClock();
    using fetcher = new Fetcher({
      request: (_, id) => kept.push(id.buffer) > 0,
      neighbours: () => ['a'],
      onRested: () => undefined,
      clock,
      setTimer: clock.setTimer,
      log: silentLogger,
    });
    const message = new Uint8Array(32_768);
    fetcher.want({ id: anId(1), missing: [asMessageId(message.subarray(9, 41))], peerId: 'a' });
    expect(kept.map(({ byteLength }) => byteLength)).toEqual([32]);
  });
});
