// What the owner pinned stays readable when everything around it is cut, and nothing else changes by it.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCoded } from '../../src/errors.ts';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { indexSpaces } from '../../src/storage/layout.ts';
import { maxPins } from '../../src/storage/pinning.ts';
import { recordBytes } from '../../src/storage/record-layout.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import type { NewRecord, Store } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import {
  FaultyDatabases,
  Grower,
  aRecord,
  copyOf,
  cutUpTo,
  expectConsistent,
  network,
  noSpace,
  openTestStore,
  sweepAll,
  withDatabase,
} from './support.ts';

const hexes = (found: readonly { readonly id: MessageId }[]): string[] =>
  found.map(({ id }) => messageIdHex(id));
const childrenOf = async (store: Store, { id }: NewRecord): Promise<string[]> =>
  (await store.childrenOf(id, 100)).map(messageIdHex);
const find = async (store: Store, key: string): Promise<string[]> =>
  hexes((await store.findByIndex(Buffer.from(key), { limit: 1_000 })).messages);
const sizeOf = (...records: readonly NewRecord[]): number =>
  records.reduce((sum, record) => sum + recordBytes(record), 0);
const byKey = (text: string): { indexKey: Buffer } => ({ indexKey: Buffer.from(text) });

async function expectWhole(dataDir: string): Promise<void> {
  const { faults, notes } = await verifyStore({
    dataDir,
    network,
    cacheBytes: 4 << 20,
    onProgress: () => undefined,
  });
  expect(faults).toEqual([]);
  expect(notes).toEqual([]);
}

/** a <- b <- c <- d ..., each with its own index. */
function aChain(length: number): NewRecord[] {
  const chain: NewRecord[] = [];
  for (let n = 0; n < length; n++) {
    const parents = [chain[n - 1]?.id ?? genesisId];
    chain.push(aRecord({ parents, index: `index ${n}`, arrivalMs: 1_000 + n }));
  }
  return chain;
}

describe('a message that is pinned by its id', () => {
  it('is read as before when everything around it is gone, also after a restart', async () => {
    await using folder = await aFolder();
    const chain = aChain(20);
    const pinned = chain[4]!;
    {
      await using store = await openTestStore(folder.path);
      await store.append(chain);
      await store.pin(pinned, Infinity);
      const before = store.get(pinned.id);
      await cutUpTo(store, 15);
      expect(store.get(pinned.id)).toEqual(before);
      expect(store.get(chain[3]!.id)).toBeUndefined();
      expect(store.get(chain[5]!.id)).toBeUndefined();
      expect(store).toMatchObject({ messageCount: 5, cutSeq: 15 });
      await expectConsistent(store);
    }
    await expectWhole(folder.path);
    await using store = await openTestStore(folder.path);
    expect(store.get(pinned.id)).toMatchObject({ seq: 5, arrivalMs: 1_004 });
    expect(await find(store, 'index 4')).toEqual(hexes([pinned]));
    expect(store.pinTotals).toMatchObject({ keptCount: 1, usedBytes: sizeOf(pinned) });
    const [listed] = (await store.listPins()).messages;
    expect(listed).toMatchObject({ sizeBytes: sizeOf(pinned), state: 'kept' });
    expect(hexes([listed!])).toEqual(hexes([pinned]));
  });

  it('shows those of its children that can be read, and is shown as a child', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      const root = aRecord();
      const [kept, gone, late] = [1, 2, 3].map(() => aRecord({ parents: [root.id] }));
      const others = new Grower().many(20);
      await store.append([root, kept!, gone!, ...others, late!, ...new Grower().many(3)]);
      for (const record of [root, kept!]) await store.pin(record, Infinity);
      await cutUpTo(store, 10);
      expect(await childrenOf(store, root)).toEqual(hexes([kept!, late!]));
      expect(await childrenOf(store, { ...root, id: genesisId })).toContain(messageIdHex(root.id));
      // As a parent below the cut that a stored message names it is an entry point, as any other.
      const [facts] = await store.facts([root.id]);
      expect(facts).toMatchObject({ seq: 0, isEntryPoint: true });
      const newest = aRecord({ parents: [root.id] });
      await store.append([newest]);
      expect(await childrenOf(store, root)).toEqual(hexes([kept!, late!, newest]));
      await cutUpTo(store, 25);
      expect(await childrenOf(store, root)).toEqual(hexes([kept!, newest]));
    }
    await expectWhole(folder.path);
  });

  it('is no parent when nothing needs it as one', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const chain = aChain(20);
    await store.append(chain);
    await store.pin(chain[4]!, Infinity);
    await cutUpTo(store, 15);
    expect(await store.facts([chain[4]!.id])).toEqual([undefined]);
    expect(store.entryPointCount).toBe(1);
  });

  it('is one message still when it comes again', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      const chain = aChain(20);
      const pinned = aRecord({ parents: [chain[14]!.id], index: 'index 4' });
      await store.append([...chain.slice(0, 15), pinned, ...chain.slice(15)]);
      await store.pin(pinned, Infinity);
      await cutUpTo(store, 16);
      expect(store.get(pinned.id)?.seq).toBe(16);
      // Its parent is an entry point, so it becomes solid again.
      expect(await store.append([pinned])).toEqual([22]);
      expect(store.get(pinned.id)?.seq).toBe(22);
      expect(await find(store, 'index 4')).toEqual(hexes([pinned]));
      expect(store.pinTotals).toMatchObject({ keptCount: 0, usedBytes: sizeOf(pinned) });
      const more = Array.from({ length: 5 }, () => aRecord({ parents: [chain[19]!.id] }));
      await store.append(more);
      await cutUpTo(store, 24);
      expect(store.get(pinned.id)?.seq).toBe(22);
      expect(await find(store, 'index 4')).toEqual(hexes([pinned]));
      expect(store.pinTotals).toMatchObject({ keptCount: 1, usedBytes: sizeOf(pinned) });
    }
    await expectWhole(folder.path);
  });

  it('is gone at once when it is pinned no longer', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      const chain = aChain(20);
      await store.append(chain);
      await store.pin(chain[4]!, Infinity);
      await store.pin(chain[18]!, Infinity);
      await cutUpTo(store, 15);
      await store.unpin(chain[4]!);
      await store.unpin(chain[18]!);
      expect(store.get(chain[4]!.id)).toBeUndefined();
      expect(await find(store, 'index 4')).toEqual([]);
      expect(store.get(chain[18]!.id)?.seq).toBe(19);
      expect(store.pinTotals).toMatchObject({ keptCount: 0, usedBytes: 0 });
      expect(await store.listPins()).toEqual({ messages: [], indexKeys: [] });
      await expect(store.unpin(chain[4]!)).rejects.toMatchObject({ code: 'PIN_UNKNOWN' });
    }
    await expectWhole(folder.path);
  });

  it('is refused when it is unknown, pruned, or one too many', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const chain = aChain(20);
    await store.append(chain);
    await cutUpTo(store, 15);
    const refused = (record: { readonly id: MessageId }, code: string, maxBytes = Infinity) =>
      expect(store.pin({ id: record.id }, maxBytes)).rejects.toMatchObject({ code });
    await refused(aRecord(), 'MESSAGE_NOT_FOUND');
    await refused({ id: genesisId }, 'MESSAGE_NOT_FOUND');
    await refused(chain[14]!, 'MESSAGE_PRUNED');
    await refused(chain[2]!, 'MESSAGE_NOT_FOUND');
    await refused(chain[16]!, 'PINS_FULL', sizeOf(chain[16]!) - 1);
    await store.pin(chain[16]!, sizeOf(chain[16]!));
    // Again changes nothing.
    await store.pin(chain[16]!, 0);
    await refused(chain[17]!, 'PINS_FULL', sizeOf(chain[16]!));
    expect(store.state()).toEqual({ writable: true });
  });

  it('is one of at most 1 000', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path, { durability: 'process-crash' });
    const records = new Grower().many(maxPins.ids + 1);
    await store.append(records);
    await Promise.all(records.slice(1).map((record) => store.pin(record, Infinity)));
    await expect(store.pin(records[0]!, Infinity)).rejects.toMatchObject({ code: 'TOO_MANY_PINS' });
    expect((await store.listPins()).messages).toHaveLength(maxPins.ids);
  });
});

describe('an indexation key that is pinned', () => {
  it('keeps what has it and what will have it', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const ofKey = (): NewRecord[] =>
      grower.records.filter(({ indexKey }) => Buffer.from('index 1').equals(indexKey!));
    {
      await using store = await openTestStore(folder.path);
      await store.append(grower.many(60));
      await store.pin(byKey('index 1'), Infinity);
      await cutUpTo(store, 50);
      await store.append(grower.many(60));
      await cutUpTo(store, 110);
      expect(await find(store, 'index 1')).toEqual(hexes(ofKey().toReversed()));
      expect(await find(store, 'index 0')).toHaveLength(3);
      for (const record of ofKey()) expect(store.get(record.id)?.bytes).toBeDefined();
      await expectConsistent(store);
    }
    await expectWhole(folder.path);
    await using store = await openTestStore(folder.path);
    expect(await find(store, 'index 1')).toEqual(hexes(ofKey().toReversed()));
    const page = await store.findByIndex(Buffer.from('index 1'), { limit: 2, beforeSeq: 20 });
    expect(page.messages.map(({ seq }) => seq)).toEqual([17, 14]);
    expect(page.goOnBefore).toBe(14);
  });

  it('keeps no more than there is room for, counts the others and says so once', async () => {
    await using folder = await aFolder();
    const told: unknown[] = [];
    const log = { ...console, error: () => undefined, info: () => undefined } as never;
    Object.assign(log, { warn: (...words: unknown[]) => told.push(words) });
    {
      await using store = await openTestStore(folder.path, { log });
      const records = aChain(40).map((_, n) =>
        aRecord({ index: n % 2 === 0 ? 'even' : 'odd', arrivalMs: 1_000 + n }),
      );
      await store.append(records);
      const even = records.filter((_, n) => n % 2 === 0);
      const maxPinnedBytes = sizeOf(...even.slice(0, 5)) + 10;
      await store.pin(byKey('even'), maxPinnedBytes);
      for (const upToSeq of [16, 24, 32]) await store.cut({ upToSeq, maxPinnedBytes });
      expect(await find(store, 'even')).toEqual(
        hexes([...even.slice(0, 5), ...even.slice(16)].toReversed()),
      );
      expect(store.pinTotals).toEqual({
        keptCount: 5,
        usedBytes: maxPinnedBytes - 10,
        missedCount: 11,
      });
      expect(told).toHaveLength(1);
      await expect(store.pin(byKey('odd'), maxPinnedBytes - 10)).rejects.toMatchObject({
        code: 'PINS_FULL',
      });
    }
    await expectWhole(folder.path);
  });

  it('takes with it what was kept for it alone when it is pinned no longer', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      const records = Array.from({ length: 700 }, () => aRecord({ index: 'one' }));
      await store.append(records);
      await store.append(new Grower().many(10));
      await store.pin(byKey('one'), Infinity);
      await store.pin(records[300]!, Infinity);
      await cutUpTo(store, 700);
      expect(store.pinTotals.keptCount).toBe(700);
      await store.unpin(byKey('one'));
      expect(await find(store, 'one')).toEqual(hexes([records[300]!]));
      expect(store.pinTotals).toMatchObject({ keptCount: 1, usedBytes: sizeOf(records[300]!) });
      await store.unpin(records[300]!);
      expect(await find(store, 'one')).toEqual([]);
      await expect(store.unpin(byKey('one'))).rejects.toMatchObject({ code: 'PIN_UNKNOWN' });
    }
    await expectWhole(folder.path);
  });
});

describe('pins', () => {
  it('are found again by an index that is made anew', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path);
      await store.append(grower.many(60));
      await store.pin(byKey('index 1'), Infinity);
      await cutUpTo(store, 50);
    }
    await rm(join(folder.path, 'index'), { recursive: true });
    for (const reindex of [false, true]) {
      {
        await using store = await openTestStore(folder.path, { reindex });
        expect(await find(store, 'index 1')).toHaveLength(20);
        await expectConsistent(store);
      }
      await expectWhole(folder.path);
    }
  });

  it('are unpinned with turns for others, whatever the index still has of the key', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      await store.append(grower.many(300, { index: 'one' }));
      await store.pin(byKey('one'), Infinity);
      await cutUpTo(store, 200);
      for (let n = 0; n < 6; n++) await store.append(grower.many(500, { index: 'one' }));
      while ((await store.cut({ upToSeq: 3_200, maxPinnedBytes: 1 })) !== undefined);
      expect(store.pinTotals).toMatchObject({ keptCount: 200, missedCount: 3_000 });
      const unpinning = store.unpin(byKey('one'));
      const second = store.unpin(byKey('one'));
      void second.catch(() => undefined);
      const ended = unpinning.then(() => true);
      const append = (): Promise<unknown> => store.append([grower.next({ index: 'two' })]);
      let turns = 0;
      while (!(await Promise.race([ended, append().then(() => false)]))) turns += 1;
      await unpinning;
      expect(turns).toBeGreaterThan(3_200 / 512);
      await expect(second).rejects.toMatchObject({ code: 'PIN_UNKNOWN' });
      expect(store.pinTotals).toMatchObject({ keptCount: 0, usedBytes: 0 });
      expect(await find(store, 'one')).toHaveLength(100);
      await expectConsistent(store);
    }
    await expectWhole(folder.path);
  });

  it('are all unpinned, also those that are cut meanwhile', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      const grower = new Grower();
      for (let n = 0; n < 3; n++) await store.append(grower.many(500, { index: 'one' }));
      await store.pin(byKey('one'), Infinity);
      await cutUpTo(store, 600);
      const unpinning = store.unpin(byKey('one'));
      for (let seq = 610; seq < 1_400; seq += 10) await store.cut({ upToSeq: seq });
      await unpinning;
      expect(store.pinTotals).toMatchObject({ keptCount: 0, usedBytes: 0 });
      await expectConsistent(store);
    }
    await expectWhole(folder.path);
  });

  it('stay in the index when it is swept', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path);
      await store.append(grower.many(60));
      await store.pin(byKey('index 1'), Infinity);
      await store.pin(grower.records[9]!, Infinity);
      await cutUpTo(store, 50);
      await sweepAll(store);
      expect(await find(store, 'index 1')).toHaveLength(20);
      expect(await find(store, 'index 0')).toHaveLength(4);
      await expectFamilies(store, grower);
      await expectConsistent(store);
    }
    // 17 of the key below the cut, one by its id, and 10 above.
    const count = (prefix: number) =>
      withDatabase(join(folder.path, 'index'), async (db) => {
        return (await db.keys({ gte: Buffer.of(prefix), lt: Buffer.of(prefix + 1) }).all()).length;
      });
    expect(await count(indexSpaces.ids.prefix)).toBe(17 + 1 + 10);
    expect(await count(indexSpaces.indexation.prefix)).toBe(17 + 1 + 10);
    await expectWhole(folder.path);
  });

  it.each(['before', 'within'])('survive a crash %s the removal of a slice', async (when) => {
    await using folder = await aFolder();
    const faults = new FaultyDatabases();
    const grower = new Grower();
    const copy = join(folder.path, 'copy');
    {
      await using store = await openTestStore(join(folder.path, 'node'), {
        openDatabase: faults.open,
        freeBytes: () => Promise.resolve(0),
      });
      await store.append(grower.many(60));
      await store.pin(byKey('index 1'), Infinity);
      const which = when === 'before' ? 'log' : 'index';
      faults.failNext({ which, kind: 'torn', message: noSpace });
      await expect(store.cut({ upToSeq: 40 })).rejects.toMatchObject({ code: 'DISK_FULL' });
      await copyOf(join(folder.path, 'node'), copy);
    }
    {
      await using store = await openTestStore(copy);
      expect(store.cutSeq).toBe(when === 'before' ? 0 : 40);
      expect(await find(store, 'index 1')).toHaveLength(20);
      await expectConsistent(store);
    }
    await expectWhole(copy);
  });

  it('agree with the index after any sequence of appends, pins, cuts, sweeps and restarts', async () => {
    const step = fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.nat());
    let done = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (sequence) => {
        await using folder = await aFolder();
        const grower = new Grower();
        const open = () => openTestStore(folder.path, { durability: 'process-crash' });
        let store = await open();
        try {
          await store.append(grower.many(10));
          for (const [what, n] of sequence) {
            await steps[what as keyof typeof steps](store, grower, n);
            if (what !== 'restart') continue;
            await store[Symbol.asyncDispose]();
            store = await open();
          }
          await expectFamilies(store, grower);
          await expectConsistent(store);
        } finally {
          await store[Symbol.asyncDispose]();
        }
        await expectWhole(folder.path);
        done += 1;
      }),
      { numRuns: 15 },
    );
    expect(done).toBe(15);
  }, 60_000);
});

const recordAt = ({ records }: Grower, n: number): NewRecord => records[n % records.length]!;

const steps = {
  append: (store: Store, grower: Grower, n: number): Promise<unknown> =>
    store.append(grower.many(1 + (n % 7))),
  cut: (store: Store, _: Grower, n: number): Promise<unknown> =>
    store.cut({ upToSeq: store.cutSeq + (n % 12) }),
  pinIndex: (store: Store, _: Grower, n: number): Promise<unknown> =>
    store.pin(byKey(`index ${n % 2}`), Infinity),
  pin: async (store: Store, grower: Grower, n: number): Promise<unknown> => {
    const record = recordAt(grower, n);
    if (store.has(record.id)) await store.pin(record, Infinity);
    return undefined;
  },
  unpin: (store: Store, grower: Grower, n: number): Promise<unknown> => {
    const target = n % 3 === 0 ? byKey(`index ${n % 2}`) : recordAt(grower, n);
    return store.unpin(target).catch((error: unknown) => {
      if (!isCoded(error, 'PIN_UNKNOWN')) throw error;
    });
  },
  sweep: (store: Store): Promise<unknown> => sweepAll(store),
  restart: (): Promise<unknown> => Promise.resolve(),
};

/** Of what can be read, just the children that can be. */
async function expectFamilies(store: Store, { records }: Grower): Promise<void> {
  const readable = records.filter(({ id }) => store.has(id));
  for (const parent of readable) {
    const children = readable.filter(({ parents }) =>
      parents.some((id) => Buffer.compare(id, parent.id) === 0),
    );
    expect((await childrenOf(store, parent)).toSorted()).toEqual(hexes(children).toSorted());
  }
}
