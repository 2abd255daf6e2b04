import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asMessageId, idText } from '../../src/protocol/ids.ts';
import type { Candidate } from '../../src/tangle/candidate.ts';
import { candidateOf } from '../../src/tangle/candidate.ts';
import { Solidifier } from '../../src/tangle/solidifier.ts';
import type { LoadPending } from '../../src/tangle/solidifier.ts';

const idOf = (n: number) =>
  asMessageId(new Uint8Array(createHash('sha256').update(String(n)).digest()));

/** Message `n` with these parents; what else it says does not matter to the solidifier. */
function candidate(n: number, parents: readonly number[], sizeBytes = 100): Candidate {
  const message = { networkId: 1n, parents: parents.map(idOf), payload: undefined, nonce: 0n };
  return candidateOf(new Uint8Array(sizeBytes), message, idOf(n));
}

/** The store as far as the solidifier needs it: what is solid, and the bytes of what waits. */
class Shelf {
  readonly solid = new Set<string>([idText(idOf(0))]);
  readonly waiting = new Map<string, Candidate>();
  readonly order: string[] = [];
  readonly solidifier: Solidifier;

  constructor(limits = { maxMessages: 10_000, maxBytes: 10_000_000 }) {
    this.solidifier = new Solidifier(limits);
  }

  readonly #load: LoadPending = (ids) =>
    Promise.resolve(ids.flatMap((id) => this.waiting.get(idText(id)) ?? []));

  async take(candidates: readonly Candidate[], maxFreed = 512): Promise<void> {
    const isSolid = (key: string): boolean => this.solid.has(key);
    const plan = await this.solidifier.plan({ candidates, isSolid, load: this.#load, maxFreed });
    for (const { key, parentKeys } of plan.solid) {
      if (!parentKeys.every(isSolid)) throw new Error(`${key} stands before a parent`);
      this.solid.add(key);
      this.order.push(key);
    }
    this.solidifier.commit(plan.solid);
    for (const { key } of plan.solid) this.waiting.delete(key);
    for (const blocked of plan.blocked) {
      this.waiting.set(blocked.key, blocked);
      const missing = blocked.parentKeys.filter((key) => !isSolid(key));
      for (const id of this.solidifier.hold(blocked, 'peer:a', missing)) {
        this.waiting.delete(idText(id));
      }
    }
  }

  async drain(maxFreed = 512): Promise<void> {
    while (this.solidifier.hasFree) await this.take([], maxFreed);
  }
}

/** A random graph: message n (1-based) names 1 to 3 earlier ones; 0 is the genesis. */
const graph = fc
  .array(fc.array(fc.nat(1_000), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 60 })
  .map((picks) =>
    picks.map((pick, position) =>
      candidate(position + 1, [...new Set(pick.map((p) => p % (position + 1)))]),
    ),
  );

describe('the solidifier', () => {
  it('makes everything solid, parents first, in any order of arrival and any batches', async () => {
    const scenario = graph.chain((messages) =>
      fc.record({
        messages: fc.shuffledSubarray(messages, { minLength: messages.length }),
        batchSize: fc.integer({ min: 1, max: 20 }),
        maxFreed: fc.integer({ min: 1, max: 5 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenario, async ({ messages, batchSize, maxFreed }) => {
        const shelf = new Shelf();
        for (let at = 0; at < messages.length; at += batchSize) {
          await shelf.take(messages.slice(at, at + batchSize), maxFreed);
        }
        await shelf.drain(maxFreed);
        expect(shelf.order.length).toBe(messages.length);
        expect(shelf.solidifier.size).toBe(0);
        expect(shelf.waiting.size).toBe(0);
      }),
    );
  });

  it('walks a chain of 20 000 messages in the worst order without recursion', async () => {
    const shelf = new Shelf({ maxMessages: 30_000, maxBytes: 10_000_000 });
    const chain = Array.from({ length: 20_000 }, (_, n) => candidate(n + 1, [n]));
    for (let at = 0; at < chain.length; at += 500) {
      await shelf.take(chain.toReversed().slice(at, at + 500));
    }
    await shelf.drain();
    expect(shelf.order.length).toBe(20_000);
  });

  it('changes nothing by planning alone', async () => {
    const shelf = new Shelf();
    await shelf.take([candidate(2, [1])]);
    const plan = () =>
      shelf.solidifier.plan({
        candidates: [candidate(1, [0])],
        isSolid: (key) => shelf.solid.has(key),
        load: (ids) => Promise.resolve(ids.flatMap((id) => shelf.waiting.get(idText(id)) ?? [])),
        maxFreed: 10,
      });
    expect((await plan()).solid.length).toBe(2);
    expect((await plan()).solid.length).toBe(2);
    expect(shelf.solidifier.size).toBe(1);
  });

  it('makes room at the cost of the source that fills most, oldest first', async () => {
    const { solidifier } = new Shelf({ maxMessages: 5, maxBytes: 10_000 });
    for (let n = 10; n < 14; n++) {
      expect(solidifier.hold(candidate(n, [n + 100]), 'peer:greedy', [`missing${n}`])).toEqual([]);
    }
    expect(solidifier.hold(candidate(20, [120]), 'peer:modest', ['missing20'])).toEqual([]);
    expect(solidifier.hold(candidate(21, [121]), 'peer:modest', ['missing21'])).toEqual([idOf(10)]);
    expect(solidifier.has(candidate(20, []).key)).toBe(true);
    expect(solidifier.size).toBe(5);
  });

  it('bounds the bytes as well as the number of what waits', async () => {
    const { solidifier } = new Shelf({ maxMessages: 100, maxBytes: 1_000 });
    solidifier.hold(candidate(1, [101], 600), 'peer:a', ['missing1']);
    expect(solidifier.hold(candidate(2, [102], 600), 'peer:a', ['missing2'])).toEqual([idOf(1)]);
    expect(solidifier.hold(candidate(3, [103], 1_001), 'peer:a', ['m3'])).toEqual([
      idOf(2),
      idOf(3),
    ]);
    expect(solidifier.size).toBe(0);
  });

  it('gets over messages that the store has lost', async () => {
    const shelf = new Shelf();
    await shelf.take([candidate(2, [1]), candidate(3, [2])]);
    shelf.waiting.delete(candidate(2, []).key);
    await shelf.take([candidate(1, [0])]);
    shelf.solidifier.drop(candidate(2, []).key);
    await shelf.drain();
    expect(shelf.order).toEqual([candidate(1, []).key]);
    await shelf.take([candidate(2, [1])]);
    await shelf.drain();
    expect(shelf.order.length).toBe(3);
  });
});
