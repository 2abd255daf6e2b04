import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { hexOf } from '../../src/protocol/bytes.ts';
import { asMessageId, genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type { Store } from '../../src/storage/store.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { HandClock } from '../support/clock.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { aFolder } from '../support/folder.ts';
import { openTestTangle } from '../support/tangle.ts';
import type { TestTangle } from '../support/tangle.ts';

const codeOf = (outcome: Outcome): string =>
  'error' in outcome ? `${outcome.kind} ${outcome.error.code}` : outcome.kind;
const hexes = (ids: readonly MessageId[]): string[] => ids.map(messageIdHex);
const bytesOf = (tangle: TestTangle, id: MessageId): string =>
  hexOf(tangle.store.get(id)?.bytes ?? new Uint8Array());
const stranger = asMessageId(new Uint8Array(32).fill(7));

/** Each message names the one before; the first names the genesis. */
function aChain(length: number): TestMessage[] {
  const chain: TestMessage[] = [];
  for (let n = 0; n < length; n++) {
    chain.push(aMessage({ parents: [chain.at(-1)?.id ?? genesisId], data: String(n) }));
  }
  return chain;
}

describe('the door', () => {
  it('answers accepted once, then known, and has stored the bytes', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const message = aMessage();
    expect(codeOf(await tangle.intake.submit(message.bytes, 'client'))).toBe('accepted');
    expect(codeOf(await tangle.intake.submit(message.bytes, 'client'))).toBe('known');
    expect(codeOf(await tangle.intake.submit(message.bytes, 'peer:a'))).toBe('known');
    expect(bytesOf(tangle, message.id)).toBe(hexOf(message.bytes));
    expect(tangle.solid.length).toBe(1);
    expect(hexes(tangle.tips.select())).toContain(messageIdHex(message.id));
  });

  it('gives copies in flight one answer', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { bytes } = aMessage();
    const copies = Array.from({ length: 5 }, () => tangle.intake.submit(bytes, 'peer:a'));
    const outcomes = await Promise.all([...copies, tangle.intake.submit(bytes, 'client')]);
    expect(new Set(outcomes.map(codeOf))).toEqual(new Set(['accepted']));
    expect(tangle.store.messageCount).toBe(1);
  });

  it('takes parent and child that come together, in either order', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const [parent, child] = aChain(2);
    const outcomes = await Promise.all(
      [child, parent].map((message) => tangle.intake.submit(message!.bytes, 'client')),
    );
    expect(outcomes.map(codeOf)).toEqual(['accepted', 'accepted']);
  });

  it('refuses what breaks a rule, with its code', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const good = aMessage();
    const submit = async (bytes: Uint8Array) => codeOf(await tangle.intake.submit(bytes, 'peer:a'));
    expect(await submit(new Uint8Array(10))).toBe('rejected MESSAGE_TOO_SHORT');
    expect(await submit(good.bytes.subarray(0, 60))).toBe('rejected MESSAGE_TRUNCATED');
    expect(await submit(aMessage({ networkId: 5n }).bytes)).toBe('rejected NETWORK_ID_MISMATCH');
    const weak = Uint8Array.from(good.bytes);
    do weak[weak.length - 1]! += 1;
    while ((await submit(weak)) === 'accepted');
    expect(await submit(weak)).toBe('rejected POW_INSUFFICIENT');
  });

  it('lets a neighbour send children first, but not a client', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const [parent, child] = aChain(2);
    expect(codeOf(await tangle.intake.submit(child!.bytes, 'client'))).toBe(
      'rejected PARENT_UNKNOWN',
    );
    const waiting = await tangle.intake.submit(child!.bytes, 'peer:a');
    expect(waiting).toEqual({ kind: 'pending', id: child!.id, missing: [parent!.id] });
    expect(codeOf(await tangle.intake.submit(child!.bytes, 'peer:b'))).toBe('pending');
    expect(tangle.store.get(child!.id)).toBeUndefined();
    const grandchild = aMessage({ parents: [child!.id] });
    expect(codeOf(await tangle.intake.submit(grandchild.bytes, 'client'))).toBe(
      'rejected PARENT_NOT_SOLID',
    );
    expect(codeOf(await tangle.intake.submit(parent!.bytes, 'client'))).toBe('accepted');
    expect(bytesOf(tangle, child!.id)).toBe(hexOf(child!.bytes));
    expect(tangle.intake.pendingCount).toBe(0);
    expect(codeOf(await tangle.intake.submit(child!.bytes, 'client'))).toBe('known');
  });

  it('tells who sent what waits, each time, and what nobody has sent yet', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const [first, second, third] = aChain(3);
    await tangle.intake.submit(third!.bytes, 'client');
    expect(tangle.blocked).toEqual([]);
    await tangle.intake.submit(third!.bytes, 'peer:a');
    await tangle.intake.submit(third!.bytes, 'peer:b');
    await tangle.intake.submit(second!.bytes, 'peer:b');
    await tangle.intake[Symbol.asyncDispose]();
    expect(tangle.blocked).toEqual([
      { id: third!.id, missing: [second!.id], peerId: 'a' },
      { id: third!.id, missing: [second!.id], peerId: 'b' },
      { id: second!.id, missing: [first!.id], peerId: 'b' },
    ]);
  });

  it('tells on demand of all that waits, as after a restart', async () => {
    await using folder = await aFolder();
    const [first, second, third] = aChain(3);
    {
      await using tangle = await openTestTangle({ dataDir: folder.path });
      await tangle.intake.submit(third!.bytes, 'peer:a');
      await tangle.intake.submit(second!.bytes, 'peer:a');
    }
    await using tangle = await openTestTangle({ dataDir: folder.path });
    tangle.intake.tellWaiting();
    const told = tangle.blocked.map(({ id, missing }) => [messageIdHex(id), hexes(missing)]);
    expect(told).toHaveLength(2);
    expect(told).toContainEqual([messageIdHex(second!.id), hexes([first!.id])]);
    expect(told).toContainEqual([messageIdHex(third!.id), []]);
  });

  it('misses nothing that came in the same batch', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const [first, second, third] = aChain(3);
    await tangle.intake.submit(third!.bytes, 'peer:a');
    const together = [third, second].map((message) => message!.bytes);
    await Promise.all(together.map((bytes) => tangle.intake.submit(bytes, 'peer:b')));
    expect(tangle.blocked.slice(1)).toEqual([
      { id: third!.id, missing: [], peerId: 'b' },
      { id: second!.id, missing: [first!.id], peerId: 'b' },
    ]);
  });

  it('makes a shuffled history solid, over restarts, whatever the order', async () => {
    const chain = aChain(12);
    const side = chain.map(({ id }, n) => aMessage({ parents: [id], data: `side ${n}` }));
    const order = fc.shuffledSubarray([...chain, ...side], { minLength: 24 });
    await fc.assert(
      fc.asyncProperty(order, fc.integer({ min: 1, max: 24 }), async (messages, restartAt) => {
        await using folder = await aFolder();
        const parts = [messages.slice(0, restartAt), messages.slice(restartAt)];
        for (const part of parts) {
          await using tangle = await openTestTangle({ dataDir: folder.path });
          await Promise.all(part.map(({ bytes }) => tangle.intake.submit(bytes, 'peer:a')));
        }
        await using tangle = await openTestTangle({ dataDir: folder.path });
        for (const { id, bytes } of messages) expect(bytesOf(tangle, id)).toBe(hexOf(bytes));
        expect(tangle.intake.pendingCount).toBe(0);
      }),
      { numRuns: 8 },
    );
  });

  it('bounds what waits for parents and forgets the oldest of the greediest', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({
      dataDir: folder.path,
      intake: { pending: { maxMessages: 4, maxBytes: 1_000_000 } },
    });
    const orphans = Array.from({ length: 6 }, (_, n) =>
      aMessage({ parents: [stranger], data: `orphan ${n}` }),
    );
    for (const { bytes } of orphans) await tangle.intake.submit(bytes, 'peer:greedy');
    expect(tangle.intake.pendingCount).toBe(4);
    expect(orphans.map(({ id }) => tangle.intake.isPending(id))).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(await tangle.store.getPending(orphans[0]!.id)).toBeUndefined();
    expect((await tangle.store.readPending({ limit: 100 })).length).toBe(4);
  });

  it('refuses beyond the bound of a source, and serves the others', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({
      dataDir: folder.path,
      intake: {
        queue: { maxMessagesPerSource: 3, maxBytesPerSource: 100_000, maxPeerBytes: 100_000 },
      },
    });
    const messages = Array.from({ length: 5 }, (_, n) => aMessage({ data: String(n) }));
    const flood = messages.map(({ bytes }) => tangle.intake.submit(bytes, 'peer:a'));
    const honest = tangle.intake.submit(aMessage({ data: 'honest' }).bytes, 'client');
    expect((await Promise.all(flood)).map(codeOf)).toEqual([
      'accepted',
      'accepted',
      'accepted',
      'busy INTAKE_BUSY',
      'busy INTAKE_BUSY',
    ]);
    expect(codeOf(await honest)).toBe('accepted');
  });

  it('marks what builds on the distant past as lazy, and keeps it from the tips', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    await using tangle = await openTestTangle({ dataDir: folder.path, clock });
    const submit = (message: TestMessage) => tangle.intake.submit(message.bytes, 'client');
    const [first, second] = aChain(2);
    await submit(first!);
    await submit(second!);
    clock.advance(900_000);
    const inTime = aMessage({ parents: [first!.id, second!.id], data: 'in time' });
    await submit(inTime);
    clock.advance(1);
    const late = aMessage({ parents: [first!.id, inTime.id], data: 'late' });
    await submit(late);
    const onLate = aMessage({ parents: [late.id], data: 'builds on a lazy one' });
    await submit(onLate);
    const lazy = [inTime, late, onLate].map(({ id }) => tangle.store.get(id)?.isLazy);
    expect(lazy).toEqual([false, true, true]);
    clock.advance(10_000);
    expect(hexes(tangle.tips.select())).toEqual([messageIdHex(inTime.id)]);
    // However old: the tip that only lazy messages name is still a tip.
    clock.advance(100_000_000);
    const revival = aMessage({ parents: [inTime.id], data: 'revival' });
    await submit(revival);
    expect(tangle.store.get(revival.id)?.isLazy).toBe(false);
  });

  it('finds its tips again after a restart, lazy floods or not', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const [first, tip] = aChain(2);
    {
      await using tangle = await openTestTangle({ dataDir: folder.path, clock });
      await tangle.intake.submit(first!.bytes, 'client');
      await tangle.intake.submit(tip!.bytes, 'client');
      clock.advance(900_001);
      const flood = Array.from({ length: 600 }, (_, n) => aMessage({ data: `lazy ${n}` }));
      await Promise.all(flood.map(({ bytes }) => tangle.intake.submit(bytes, 'client')));
      expect(tangle.store.messageCount).toBe(602);
    }
    await using tangle = await openTestTangle({ dataDir: folder.path, clock });
    expect(hexes(tangle.tips.select())).toEqual([messageIdHex(tip!.id)]);
  });

  it('acknowledges nothing that the store refused, and keeps what waited', async () => {
    await using folder = await aFolder();
    let isBroken = false;
    const wrapStore = (store: Store): Store =>
      new Proxy(store, {
        get: (target, name) => {
          if (name === 'append' && isBroken) {
            return () => Promise.reject(new TangleError('DISK_FULL'));
          }
          const value = Reflect.get(target, name, target) as unknown;
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    await using tangle = await openTestTangle({ dataDir: folder.path, wrapStore });
    const [parent, child] = aChain(2);
    await tangle.intake.submit(child!.bytes, 'peer:a');
    isBroken = true;
    expect(codeOf(await tangle.intake.submit(parent!.bytes, 'client'))).toBe('busy DISK_FULL');
    expect(tangle.intake.isPending(child!.id)).toBe(true);
    expect(tangle.solid).toEqual([]);
    isBroken = false;
    expect(codeOf(await tangle.intake.submit(parent!.bytes, 'client'))).toBe('accepted');
    expect(hexes(tangle.solid.map(({ id }) => id))).toEqual(hexes([parent!.id, child!.id]));
  });

  it('asks a client to come again for a message that waits only for its turn', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const parent = aMessage({ data: 'parent' });
    const children = Array.from({ length: 700 }, (_, n) =>
      aMessage({ parents: [parent.id], data: `child ${n}` }),
    );
    await Promise.all(children.map(({ bytes }) => tangle.intake.submit(bytes, 'peer:a')));
    await tangle.intake.submit(parent.bytes, 'peer:a');
    const last = children.at(-1)!;
    const first = codeOf(await tangle.intake.submit(last.bytes, 'client'));
    expect(['busy INTAKE_BUSY', 'accepted', 'known']).toContain(first);
    expect(codeOf(await tangle.intake.submit(last.bytes, 'client'))).toBe('known');
  });

  it('answers what it took in before closing, and refuses what comes after', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const before = tangle.intake.submit(aMessage({ data: 'before' }).bytes, 'client');
    const closing = tangle.intake[Symbol.asyncDispose]();
    const after = tangle.intake.submit(aMessage({ data: 'after' }).bytes, 'client');
    await closing;
    expect(codeOf(await before)).toBe('accepted');
    expect(codeOf(await after)).toBe('busy STOPPING');
  });
});
