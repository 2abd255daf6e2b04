// The door while the past is cut off.
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { compareBytes } from '../../src/protocol/bytes.ts';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { eventually } from '../support/eventually.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { openTestTangle } from '../support/tangle.ts';
import type { TestTangle } from '../support/tangle.ts';

function aChain(length: number): TestMessage[] {
  const chain: TestMessage[] = [];
  for (let n = 0; n < length; n++) {
    chain.push(aMessage({ parents: [chain.at(-1)?.id ?? genesisId], data: String(n) }));
  }
  return chain;
}

/** A chain that came long ago, lazy children of its fourth message and of the genesis, and what came since. */
async function grow(tangle: TestTangle, clock: HandClock) {
  const old = aChain(20);
  for (const { bytes } of old) await tangle.intake.submit(bytes, 'client');
  clock.advance(2_000_000);
  const lazy = [old[3]!.id, genesisId].map((id) => aMessage({ parents: [id], data: 'lazy' }));
  const fresh = [aMessage({ parents: [old[19]!.id], data: 'fresh' })];
  for (let n = 0; n < 5; n++) {
    fresh.push(aMessage({ parents: [fresh.at(-1)!.id], data: `fresh ${n}` }));
  }
  for (const { bytes } of [...lazy, ...fresh]) await tangle.intake.submit(bytes, 'client');
  return { old, lazy, fresh };
}

const hexes = (ids: readonly MessageId[]): string[] => ids.map(messageIdHex).toSorted();

describe('the door, when messages were pruned', () => {
  it('takes children of what is cut while it judges them', async () => {
    await using folder = await aFolder();
    let cutSeq = 0;
    await using tangle = await openTestTangle({
      dataDir: folder.path,
      wrapStore: (store) =>
        new Proxy(store, {
          get: (target, name) => {
            if (name === 'append') {
              return async (records: Parameters<typeof target.append>[0]) => {
                await target.cut({ upToSeq: cutSeq });
                return target.append(records);
              };
            }
            const value = Reflect.get(target, name, target) as unknown;
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        }),
    });
    const chain = aChain(20);
    for (const { bytes } of chain) await tangle.intake.submit(bytes, 'client');
    // Nothing stored names its parent but the pruned ones: without the hold it would be gone.
    cutSeq = 15;
    const child = aMessage({ parents: [chain[3]!.id], data: 'old parent' });
    const outcome = await tangle.intake.submit(child.bytes, 'client');
    expect(outcome.kind).toBe('accepted');
    expect(tangle.store.has(chain[3]!.id)).toBe(false);
    expect(tangle.store.has(child.id)).toBe(true);
  });

  it('forgets what waited for two parents when the one that was here is gone', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const chain = aChain(20);
    for (const { bytes } of chain) await tangle.intake.submit(bytes, 'client');
    const late = aMessage({ parents: [chain[19]!.id], data: 'late' });
    const waiting = aMessage({ parents: [chain[3]!.id, late.id], data: 'waiting' });
    const child = aMessage({ parents: [waiting.id], data: 'child' });
    for (const { bytes } of [waiting, child]) {
      expect((await tangle.intake.submit(bytes, 'peer:a')).kind).toBe('pending');
    }
    await tangle.store.cut({ upToSeq: 15 });
    expect((await tangle.intake.submit(late.bytes, 'peer:a')).kind).toBe('accepted');
    expect(tangle.store.has(waiting.id)).toBe(false);
    expect(tangle.intake.isPending(waiting.id)).toBe(false);
    expect(await tangle.store.getPending(waiting.id)).toBeUndefined();
    const again = await tangle.intake.submit(waiting.bytes, 'peer:a');
    expect(again).toMatchObject({ kind: 'pending', missing: [chain[3]!.id] });
  });

  it('cannot be made to take the past again', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const chain = aChain(20);
    for (const { bytes } of chain) await tangle.intake.submit(bytes, 'client');
    await tangle.store.cut({ upToSeq: 15 });
    for (const { bytes } of chain.slice(0, 14)) {
      expect((await tangle.intake.submit(bytes, 'peer:a')).kind).toBe('pending');
    }
    expect(tangle.store.messageCount).toBe(5);
  });

  it('says of what is pruned, but named still, that it is not there', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const first = aMessage({ data: 'first' });
    const others = Array.from({ length: 10 }, (_, n) => aMessage({ data: `${n}` }));
    const child = aMessage({ parents: [first.id], data: 'child' });
    for (const { bytes } of [first, ...others, child]) await tangle.intake.submit(bytes, 'client');
    await tangle.store.cut({ upToSeq: 11 });
    expect(await tangle.store.facts([first.id])).toMatchObject([{ seq: 0 }]);
    // A neighbour has it, as have we in a way: nobody needs to ask for its parents.
    expect((await tangle.intake.submit(first.bytes, 'peer:a')).kind).toBe('known');
    expect(await tangle.intake.submit(first.bytes, 'client')).toMatchObject({
      kind: 'rejected',
      error: { code: 'PARENT_UNKNOWN' },
    });
    // With parents that are solid it is taken in as any other, and no tip, for it has a child.
    const tips = hexes(tangle.tips.all());
    {
      using _held = tangle.store.hold([genesisId]);
      await tangle.store.adoptEntryPoints([
        { id: genesisId, isLazy: false, firstChildMs: undefined },
      ]);
      expect(await tangle.intake.submit(first.bytes, 'client')).toMatchObject({ kind: 'accepted' });
    }
    expect(tangle.store.has(first.id)).toBe(true);
    expect(hexes(tangle.tips.all())).toEqual(tips);
    expect((await tangle.intake.submit(first.bytes, 'client')).kind).toBe('known');
  });

  it('offers nothing as a tip that was pruned and comes again, but all that is new', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    await using tangle = await openTestTangle({ dataDir: folder.path, clock });
    const take = async ({ bytes }: TestMessage, source: 'client' | 'peer:a') => {
      clock.advance(1_000);
      expect((await tangle.intake.submit(bytes, source)).kind).toBe('accepted');
    };
    const chain = aChain(20);
    for (const message of chain) await take(message, 'client');
    const ends = [chain[9]!.id, chain[19]!.id].toSorted(compareBytes);
    const newest = aMessage({ parents: ends, data: 'newest' });
    await take(newest, 'client');
    await tangle.store.cut({ upToSeq: 20 });
    const isTip = ({ id }: TestMessage): boolean =>
      hexes(tangle.tips.all()).includes(messageIdHex(id));
    // Its parent had a child just before it was pruned.
    const sibling = aMessage({ parents: [chain[19]!.id], data: 'sibling' });
    await take(sibling, 'peer:a');
    expect(isTip(sibling)).toBe(true);
    clock.advance(10_000);
    for (const again of chain.slice(10, 13)) {
      await take(again, 'peer:a');
      expect(isTip(again)).toBe(false);
    }
    const both = [chain[12]!.id, newest.id].toSorted(compareBytes);
    const onBoth = aMessage({ parents: both, data: 'on both' });
    await take(onBoth, 'peer:a');
    expect(isTip(onBoth)).toBe(true);
    await take(chain[13]!, 'client');
    expect(isTip(chain[13]!)).toBe(true);
  });

  describe('while a lazy message names what is old', () => {
    it('keeps the entry points for that one only, also after a restart', async () => {
      await using folder = await aFolder();
      const clock = new HandClock();
      const opened = { dataDir: folder.path, clock };
      await using first = await openTestTangle(opened);
      const { old, lazy, fresh } = await grow(first, clock);
      await first.store.cut({ upToSeq: 20 });
      await first[Symbol.asyncDispose]();
      await using tangle = await openTestTangle(opened);
      const points = [old[3]!.id, genesisId, old[19]!.id];
      expect(await tangle.store.facts(points)).toMatchObject([
        { seq: 0, isClosed: true },
        { seq: 0, isClosed: true },
        { seq: 0, isClosed: false },
      ]);
      for (const { bytes } of old) {
        expect(['pending', 'known']).toContain((await tangle.intake.submit(bytes, 'peer:a')).kind);
      }
      expect(tangle.store.messageCount).toBe(lazy.length + fresh.length);
      // The parents of the others may come; of these they are here, and nobody is asked for them.
      const asked = tangle.blocked.flatMap(({ missing }) => hexes(missing));
      expect(asked).not.toContain(messageIdHex(old[3]!.id));
      expect(asked).not.toContain(messageIdHex(genesisId));
      const again = await tangle.intake.submit(old[4]!.bytes, 'client');
      expect(again).toMatchObject({ kind: 'rejected', error: { code: 'PARENT_NOT_SOLID' } });
      // Whoever names what is stored is served as before.
      const child = aMessage({ parents: [lazy[0]!.id], data: 'child' });
      expect((await tangle.intake.submit(child.bytes, 'peer:a')).kind).toBe('accepted');
    });

    it('takes their children while they are held: by whoever works on one, or by a catch-up', async () => {
      await using folder = await aFolder();
      const clock = new HandClock();
      await using tangle = await openTestTangle({ dataDir: folder.path, clock });
      const { old } = await grow(tangle, clock);
      await tangle.store.cut({ upToSeq: 20 });
      const mined = aMessage({ parents: [old[3]!.id], data: 'mined' });
      {
        using _held = tangle.store.hold([old[3]!.id]);
        expect((await tangle.intake.submit(mined.bytes, 'mined')).kind).toBe('accepted');
      }
      const late = aMessage({ parents: [old[3]!.id], data: 'late' });
      expect((await tangle.intake.submit(late.bytes, 'peer:a')).kind).toBe('pending');
      await tangle.store.adoptEntryPoints([
        { id: old[3]!.id, isLazy: false, firstChildMs: undefined },
      ]);
      await tangle.intake.restore();
      while (!tangle.store.has(late.id)) await setImmediate();
      await tangle.store.releaseEntryPoints();
      const last = aMessage({ parents: [old[3]!.id], data: 'last' });
      expect((await tangle.intake.submit(last.bytes, 'peer:a')).kind).toBe('pending');
    });

    it('takes children of what is cut while it is young', async () => {
      await using folder = await aFolder();
      const clock = new HandClock();
      await using tangle = await openTestTangle({ dataDir: folder.path, clock });
      const chain = aChain(20);
      for (const { bytes } of chain) await tangle.intake.submit(bytes, 'client');
      const sibling = aMessage({ parents: [chain[3]!.id], data: 'sibling' });
      await tangle.intake.submit(sibling.bytes, 'client');
      await tangle.store.cut({ upToSeq: 15 });
      clock.advance(1_000_000);
      // Late, as from the log of a neighbour after some time alone: all that follows builds on it.
      const late = aMessage({ parents: [chain[3]!.id], data: 'late' });
      expect((await tangle.intake.submit(late.bytes, 'peer:a')).kind).toBe('accepted');
    });
  });

  it('knows what is kept for a pin, where a client sends it; as a parent it is as gone as any', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { store, intake } = tangle;
    const pinned = aMessage({ data: 'pinned' });
    const others = Array.from({ length: 10 }, (_, n) => aMessage({ data: `${n}` }));
    for (const { bytes } of [pinned, ...others]) await intake.submit(bytes, 'client');
    await store.pin(pinned, Infinity);
    await store.cut({ upToSeq: 10 });
    const kept = store.get(pinned.id);
    expect(kept?.seq).toBe(1);
    expect((await intake.submit(pinned.bytes, 'client')).kind).toBe('known');
    const child = aMessage({ parents: [pinned.id], data: 'child' });
    expect(await intake.submit(child.bytes, 'client')).toMatchObject({
      error: { code: 'PARENT_UNKNOWN' },
    });
    expect(await intake.submit(child.bytes, 'peer:a')).toMatchObject({ kind: 'pending' });
    // From a neighbour it is as new as what was pruned and not kept; here its parent is solid still.
    expect((await intake.submit(pinned.bytes, 'peer:a')).kind).toBe('accepted');
    await eventually(() => expect(store.has(child.id)).toBe(true));
    expect(store.get(pinned.id)?.seq).toBe(12);
    expect(store.pinTotals.keptCount).toBe(0);
    expect(store.messageCount).toBe(3);
  });

  it('goes on from tips that a flood of lazy messages has pushed below the cut', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const tip = aMessage({ data: 'tip' });
    {
      await using tangle = await openTestTangle({ dataDir: folder.path, clock });
      await tangle.intake.submit(tip.bytes, 'client');
      clock.advance(1_000_000);
      for (let n = 0; n < 10; n++) {
        const lazy = aMessage({ parents: [genesisId], data: `lazy ${n}` });
        await tangle.intake.submit(lazy.bytes, 'client');
      }
      expect(hexes(tangle.tips.select())).toEqual(hexes([tip.id]));
      await tangle.store.cut({ upToSeq: 5, keepIds: [tip.id] });
      await tangle.intake.restore();
      expect(hexes(tangle.tips.select())).toEqual(hexes([tip.id]));
    }
    await using tangle = await openTestTangle({ dataDir: folder.path, clock });
    expect(hexes(tangle.tips.select())).toEqual(hexes([tip.id]));
    const next = aMessage({ parents: [tip.id] });
    expect((await tangle.intake.submit(next.bytes, 'client')).kind).toBe('accepted');
    expect(hexes(tangle.tips.select())).toContain(messageIdHex(next.id));
  });
});
