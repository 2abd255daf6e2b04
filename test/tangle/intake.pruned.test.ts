// The door while the past is cut off.
import { describe, expect, it } from 'vitest';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { openTestTangle } from '../support/tangle.ts';

function aChain(length: number): TestMessage[] {
  const chain: TestMessage[] = [];
  for (let n = 0; n < length; n++) {
    chain.push(aMessage({ parents: [chain.at(-1)?.id ?? genesisId], data: String(n) }));
  }
  return chain;
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
