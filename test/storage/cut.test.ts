import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database } from '../../src/storage/database.ts';
import { messageKey, messageRange, spaceRange, indexSpaces } from '../../src/storage/layout.ts';
import type { NewRecord, Store } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import {
  FaultyDatabases,
  Grower,
  aRecord,
  copyOf,
  cutUpTo,
  expectConsistent,
  noSpace,
  openTestStore,
  readPoints,
  sweepAll,
  withDatabase,
} from './support.ts';

const hex = (record: { readonly id: MessageId }): string => messageIdHex(record.id);

async function keyCounts(dataDir: string): Promise<Record<string, number>> {
  const ofIndex = await withDatabase(join(dataDir, 'index'), async (db) => ({
    ids: (await db.keys(spaceRange(indexSpaces.ids)).all()).length,
    children: (await db.keys(spaceRange(indexSpaces.children)).all()).length,
    indexation: (await db.keys(spaceRange(indexSpaces.indexation)).all()).length,
    far: (await db.keys(spaceRange(indexSpaces.far)).all()).length,
  }));
  const messages = await withDatabase(join(dataDir, 'log'), (db) =>
    db.keys(messageRange(0, Infinity)).all(),
  );
  return { ...ofIndex, messages: messages.length };
}

describe('a cut', () => {
  it('takes the oldest messages away for every read', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const grower = new Grower();
    const records = grower.many(60);
    await store.append(records);
    expect(await store.cut({ upToSeq: 40 })).toMatchObject({ cutSeq: 40, messageCount: 40 });
    expect(store).toMatchObject({ cutSeq: 40, messageCount: 20, lastSeq: 60 });
    const gone = records[10]!;
    expect(store.get(gone.id)).toBeUndefined();
    expect(await store.facts([gone.id])).toEqual([undefined]);
    expect(await store.childrenOf(gone.id, 10)).toEqual([]);
    expect(await store.readLogBackwards({ beforeSeq: 45, limit: 100 })).toHaveLength(4);
    expect((await expectConsistent(store)).map(({ seq }) => seq)[0]).toBe(41);
  });

  it('and the sweeps of the index leave nothing of them on the disk', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append(new Grower().many(60));
      await cutUpTo(store, 50);
      expect(store.staleIndexCount).toBe(50);
      await sweepAll(store);
    }
    // 51 to 60: two parents each, of which those of 51 and one of those of 52 are entry points.
    const counts = { messages: 10, ids: 10, indexation: 10, children: 2 * 10 - 3, far: 0 };
    expect(await keyCounts(folder.path)).toEqual(counts);
  });

  it('keeps the newest message, and does nothing twice', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    expect(await store.cut({ upToSeq: 100 })).toBeUndefined();
    await store.append(new Grower().many(5));
    expect(await store.cut({ upToSeq: 100 })).toMatchObject({ cutSeq: 4 });
    expect(await store.cut({ upToSeq: 100 })).toBeUndefined();
    expect(await store.cut({ upToSeq: 3 })).toBeUndefined();
    await expectConsistent(store);
  });

  it('is made in slices of at most 1 000, and shows each before it goes', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const records = new Grower().many(1_300);
    await store.append(records);
    const seen: string[] = [];
    const before = (slice: readonly { readonly id: MessageId }[]): Promise<void> => {
      expect(store.get(slice[0]!.id)).toBeDefined();
      seen.push(...slice.map(hex));
      return Promise.resolve();
    };
    expect(await store.cut({ upToSeq: 1_200, before })).toMatchObject({ cutSeq: 1_000 });
    expect(await store.cut({ upToSeq: 1_200, before })).toMatchObject({ cutSeq: 1_200 });
    expect(seen).toEqual(records.slice(0, 1_200).map(hex));
  });

  it('does not move when what must see the messages before fails', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append(new Grower().many(10));
    const wish = { upToSeq: 5, before: () => Promise.reject(new Error('no room for the archive')) };
    await expect(store.cut(wish)).rejects.toThrow('no room');
    expect(store.cutSeq).toBe(0);
    expect(store.state()).toEqual({ writable: true });
  });

  it('asked for twice at once is made once', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append(new Grower().many(30));
    const slices = await Promise.all([store.cut({ upToSeq: 20 }), store.cut({ upToSeq: 20 })]);
    // Which of the two is first nobody promises.
    const counts = slices.map((slice) => slice?.messageCount ?? 0);
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 20]);
    await expectConsistent(store);
  });
});

describe('appends while a cut is made', () => {
  it('keep every parent that they name', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const records = new Grower().many(3_000);
    for (let at = 0; at < 3_000; at += 1_000) await store.append(records.slice(at, at + 1_000));
    const children = Array.from({ length: 60 }, (_, n) =>
      aRecord({
        parents: [records[n * 49]!.id, records[n * 49 + 7]!.id],
        arrivalMs: 9_000,
        isLazy: n % 3 === 0,
      }),
    );
    // As the door does for messages that it judges.
    using _parents = store.hold(children.flatMap(({ parents }) => parents));
    const cut = store.cut({ upToSeq: 2_900 });
    for (const child of children) await store.append([child]);
    expect(await cut).toMatchObject({ cutSeq: 2_900, messageCount: 2_900 });
    await expectConsistent(store);
    const points = await readPoints(store);
    for (const child of children) {
      for (const parent of child.parents) {
        const { firstChildMs } = points.get(messageIdHex(parent)) ?? {};
        expect(firstChildMs).toBeLessThanOrEqual(9_000);
      }
    }
  });
});

/** a <- b <- c <- d ..., where the last one names a too. */
async function aLongMemory(store: Store): Promise<readonly NewRecord[]> {
  const records = [aRecord({ arrivalMs: 1_000 })];
  for (let n = 1; n < 8; n++) {
    records.push(aRecord({ parents: [records[n - 1]!.id], arrivalMs: 1_000 + n }));
  }
  const [a, h] = [records[0]!, records[7]!];
  records.push(aRecord({ parents: [a.id, h.id], arrivalMs: 1_010, isLazy: true }));
  await store.append(records);
  return records;
}

describe('an entry point', () => {
  it('stays of each message that a stored one names, with the highest seq and the first child', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const [a, , , d] = await aLongMemory(store);
    await store.cut({ upToSeq: 4 });
    const points = await readPoints(store);
    const shape = { isLazy: false, isHeld: false };
    expect(points.size).toBe(2);
    expect(points.get(hex(a!))).toMatchObject({ ...shape, neededSeq: 9, firstChildMs: 1_001 });
    expect(points.get(hex(d!))).toMatchObject({ ...shape, neededSeq: 5, firstChildMs: 1_004 });
    const facts = { seq: 0, arrivalMs: 0, isLazy: false, isEntryPoint: true, isClosed: false };
    expect(await store.facts([d!.id, genesisId])).toEqual([
      { ...facts, firstChildMs: 1_004 },
      undefined,
    ]);
    await expectConsistent(store);
  });

  it('goes when the cut passes all that need it, over a restart too', async () => {
    await using folder = await aFolder();
    let records: readonly NewRecord[];
    {
      await using store = await openTestStore(folder.path);
      records = await aLongMemory(store);
      await store.cut({ upToSeq: 4 });
    }
    await using store = await openTestStore(folder.path);
    await store.cut({ upToSeq: 5 });
    expect([...(await readPoints(store)).keys()].toSorted()).toEqual(
      [records[0]!, records[4]!].map(hex).toSorted(),
    );
    await expectConsistent(store);
  });

  it('takes new children, is needed by the last of them, and remembers the first', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const [a, b] = [aRecord(), aRecord()];
    await store.append([a, b, aRecord({ parents: [a.id, b.id], isLazy: true })]);
    await store.cut({ upToSeq: 2 });
    expect(await store.facts([a.id])).toMatchObject([{ firstChildMs: undefined }]);
    const child = aRecord({ parents: [a.id], arrivalMs: 5_000 });
    await store.append([child, aRecord({ parents: [a.id], arrivalMs: 6_000 })]);
    const point = { neededSeq: 5, firstChildMs: 5_000 };
    expect((await readPoints(store)).get(hex(a))).toMatchObject(point);
    expect(await store.facts([a.id])).toMatchObject([{ firstChildMs: 5_000 }]);
    await expectConsistent(store);
  });

  it('stays lazy when the message was', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const lazy = aRecord({ isLazy: true });
    await store.append([lazy, aRecord({ parents: [lazy.id], isLazy: true })]);
    await store.cut({ upToSeq: 1 });
    expect(await store.facts([lazy.id])).toMatchObject([{ isLazy: true, isEntryPoint: true }]);
  });

  it('may be the genesis, which knows its first child also when that is gone', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append([aRecord({ arrivalMs: 1_500 }), aRecord({ arrivalMs: 2_500 })]);
    await store.cut({ upToSeq: 1 });
    expect(await store.facts([genesisId])).toMatchObject([{ firstChildMs: 1_500 }]);
    expect(await store.childrenOf(genesisId, 10)).toHaveLength(1);
    const other = aRecord();
    await store.append([other, aRecord({ parents: [other.id] })]);
    await store.cut({ upToSeq: 3 });
    expect(await store.facts([genesisId])).toEqual([undefined]);
    expect(await store.childrenOf(genesisId, 10)).toEqual([]);
    await expectConsistent(store);
  });
});

describe('parents that are named from far above', () => {
  it.each([
    ['few', 3],
    ['many', 300],
  ])('stay, be they %s', async (_, farCount) => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      for (let n = 0; n < 5; n++) await store.append(grower.many(1_000, { isLazy: false }));
      const late = Array.from({ length: farCount }, (_one, n) => {
        const parents = [
          grower.records[n * 3]!,
          grower.records[n * 3 + 1]!,
          grower.records.at(-1)!,
        ];
        return aRecord({ parents: parents.map(({ id }) => id), arrivalMs: 9_000, isLazy: n > 1 });
      });
      await store.append(late);
      await store.append([aRecord({ parents: [late.at(-1)!.id], arrivalMs: 9_001 })]);
      await cutUpTo(store, 4_990);
      const points = await readPoints(store);
      // And the two that the next ones in the line name.
      expect(points.size).toBe(2 * farCount + 2);
      for (const [n, { parents }] of late.entries()) {
        for (const parent of parents.filter((id) => points.has(messageIdHex(id)))) {
          const seq = grower.records.findIndex(
            ({ id }) => messageIdHex(id) === messageIdHex(parent),
          );
          expect(points.get(messageIdHex(parent))).toMatchObject({
            neededSeq: 5_001 + n,
            // Each has a child in the line right behind it.
            firstChildMs: 1_000 + seq + 1,
          });
        }
      }
      await expectConsistent(store);
      await cutUpTo(store, 5_000 + farCount);
      expect(store.entryPointCount).toBe(1);
      await sweepAll(store);
      // Each part once more, those included with which nothing was to be done.
      for (let part = 0; part < 4; part++) await store.compact('index');
    }
    expect(await keyCounts(folder.path)).toMatchObject({ messages: 1, far: 0, children: 0 });
  });

  it('are found also by an index that was made again', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      for (let n = 0; n < 5; n++) await store.append(grower.many(1_000, { isLazy: false }));
      await store.append([aRecord({ parents: [grower.records[7]!.id], arrivalMs: 9_000 })]);
    }
    await using store = await openTestStore(folder.path, { reindex: true });
    await cutUpTo(store, 4_990);
    expect((await readPoints(store)).get(hex(grower.records[7]!))).toMatchObject({
      neededSeq: 5_001,
    });
  });
});

describe('a message that was pruned', () => {
  it('is new when it comes again, under a new number', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      const a = aRecord();
      const b = aRecord({ parents: [a.id], index: 'again' });
      const c = aRecord({ parents: [a.id, b.id] });
      await store.append([a, b, c]);
      await store.cut({ upToSeq: 2 });
      expect(store.has(b.id)).toBe(false);
      expect(await store.append([b])).toEqual([4]);
      expect(store.get(b.id)).toMatchObject({ seq: 4 });
      const { messages } = await store.findByIndex(Buffer.from('again'), { limit: 9 });
      expect(messages).toHaveLength(1);
      // It had a child already.
      expect(await store.facts([b.id])).toMatchObject([{ seq: 4, firstChildMs: 1_000 }]);
    }
    await using store = await openTestStore(folder.path, { reindex: true });
    expect(store.messageCount).toBe(2);
    expect(await readPoints(store)).toHaveLength(2);
  });
});

describe('what is held', () => {
  it('stays solid until it is let go of', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const records = new Grower().many(20);
    await store.append(records);
    const { id } = records[2]!;
    {
      using _held = store.hold([id, id]);
      await store.cut({ upToSeq: 10 });
      await store.cut({ upToSeq: 12 });
      expect(await store.facts([id])).toMatchObject([{ isEntryPoint: true }]);
      expect(store.get(id)).toBeUndefined();
    }
    await store.cut({ upToSeq: 13 });
    expect(await store.facts([id])).toEqual([undefined]);
  });

  it('stays solid though a cut is under way, or is not found to be solid', async () => {
    await using folder = await aFolder();
    let duringCut: (() => void) | undefined;
    await using store = await openTestStore(folder.path, {
      openDatabase: async (location, sizes) => {
        const db = await openDatabase(location, sizes);
        const batch = db.batch.bind(db) as () => ReturnType<Database['batch']>;
        const told = () => {
          duringCut?.();
          return batch();
        };
        return Object.assign(db, { batch: told });
      },
    });
    const records = new Grower().many(20);
    await store.append(records);
    const { id } = records[2]!;
    const found = Promise.withResolvers<unknown>();
    duringCut = () => {
      duringCut = undefined;
      // The cut has asked what is held, and has not been made: now somebody finds a parent.
      using _held = store.hold([id]);
      void store.facts([id]).then(found.resolve, found.reject);
    };
    await store.cut({ upToSeq: 15 });
    expect(await found.promise).toEqual([undefined]);
    await expectConsistent(store);
  });

  it('can be tips that nobody names', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const tip = aRecord();
    await store.append([tip, ...new Grower().many(10)]);
    await store.cut({ upToSeq: 5, keepIds: [tip.id] });
    expect(await store.facts([tip.id])).toMatchObject([{ firstChildMs: undefined }]);
    await store.append([aRecord({ parents: [tip.id] })]);
    await store.cut({ upToSeq: 6 });
    expect(await store.facts([tip.id])).toMatchObject([{ isEntryPoint: true }]);
    await expectConsistent(store);
  });
});

const asPoint = ({ id }: { readonly id: MessageId }) => ({
  id,
  isLazy: false,
  firstChildMs: undefined,
});

describe('a boundary that is taken over', () => {
  it('counts as solid over restarts and cuts, until it is released', async () => {
    await using folder = await aFolder();
    const [needed, unneeded, tip] = [aRecord(), aRecord(), aRecord()];
    const point = { isLazy: false, firstChildMs: 500 };
    {
      await using store = await openTestStore(folder.path);
      await store.adoptEntryPoints([
        { id: needed.id, ...point },
        { id: unneeded.id, ...point },
        { id: tip.id, isLazy: false, firstChildMs: undefined },
      ]);
    }
    await using store = await openTestStore(folder.path);
    const facts = { seq: 0, isEntryPoint: true, firstChildMs: 500 };
    expect(await store.facts([needed.id, unneeded.id])).toMatchObject([facts, facts]);
    const records = [aRecord({ parents: [needed.id] })];
    for (let n = 0; n < 9; n++) records.push(aRecord({ parents: [records[n]!.id] }));
    await store.append(records);
    await store.releaseEntryPoints();
    expect(await store.facts([needed.id, unneeded.id, genesisId, tip.id])).toMatchObject([
      facts,
      undefined,
      undefined,
      { isEntryPoint: true },
    ]);
    await expectConsistent(store);
    await store.cut({ upToSeq: 3 });
    expect(await store.facts([needed.id])).toEqual([undefined]);
  });

  it('makes room for another one as long as nothing stands on it', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const [first, second] = [aRecord(), aRecord()];
    await store.adoptEntryPoints([asPoint(first)]);
    await store.dropEmptyBoundary();
    await store.adoptEntryPoints([asPoint(second)]);
    const ids = [first.id, second.id, genesisId];
    const isPoint = { isEntryPoint: true };
    expect(await store.facts(ids)).toMatchObject([undefined, isPoint, isPoint]);
    await store.append([aRecord({ parents: [second.id] })]);
    await store.dropEmptyBoundary();
    expect(await store.facts(ids)).toMatchObject([undefined, isPoint, isPoint]);
  });

  it('was none: releasing changes nothing', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.releaseEntryPoints();
    expect(await store.facts([genesisId])).toMatchObject([{ isEntryPoint: true }]);
  });
});

describe('a crash in the middle of a cut', () => {
  it.each([
    ['before the cut moved', 'log', 0],
    ['before the index was changed', 'index', 15],
  ] as const)('%s is put right by the next start', async (_, which, cutSeq) => {
    await using folder = await aFolder();
    await using other = await aFolder();
    const databases = new FaultyDatabases();
    const copy = join(other.path, 'copy');
    {
      await using store = await openTestStore(folder.path, {
        openDatabase: databases.open,
        // Without room it is not opened again while it is copied.
        freeBytes: () => Promise.resolve(0),
      });
      await store.append(new Grower().many(30));
      databases.failNext({ which, kind: 'torn', message: noSpace });
      await expect(store.cut({ upToSeq: 15 })).rejects.toMatchObject({ code: 'DISK_FULL' });
      await copyOf(folder.path, copy);
    }
    {
      await using store = await openTestStore(copy);
      expect(store.cutSeq).toBe(cutSeq);
      await expectConsistent(store);
      await sweepAll(store);
    }
    expect(await keyCounts(copy)).toMatchObject({ messages: 30 - cutSeq, ids: 30 - cutSeq });
  });

  it('before the range was cleared is put right by the next start', async () => {
    await using folder = await aFolder();
    const records = new Grower().many(30);
    const keys = records.slice(0, 15).map((_, position) => messageKey(position + 1));
    {
      await using store = await openTestStore(folder.path);
      await store.append(records);
    }
    const log = join(folder.path, 'log');
    const values = await withDatabase(log, (db) => db.getMany(keys));
    {
      await using store = await openTestStore(folder.path);
      await store.cut({ upToSeq: 15 });
    }
    await withDatabase(log, (db) =>
      db.batch(keys.map((key, position) => ({ type: 'put', key, value: values[position]! }))),
    );
    {
      await using store = await openTestStore(folder.path);
      expect(store.get(records[3]!.id)).toBeUndefined();
      await expectConsistent(store);
    }
    expect(await keyCounts(folder.path)).toMatchObject({ messages: 15 });
  });
});

describe('an index that is made again', () => {
  it.each(['is asked for', 'is needed'])('above a cut when it %s', async (why) => {
    await using folder = await aFolder();
    const records = new Grower().many(50);
    {
      await using store = await openTestStore(folder.path);
      await store.append(records);
      await store.cut({ upToSeq: 30 });
    }
    if (why === 'is needed') await rm(join(folder.path, 'index'), { recursive: true });
    await using store = await openTestStore(folder.path, { reindex: why === 'is asked for' });
    expect((await expectConsistent(store)).map(({ seq }) => seq)[0]).toBe(31);
    await store.append([aRecord({ parents: [records[49]!.id] })]);
    await expectConsistent(store);
  });
});

describe('epochs', () => {
  it('below the cut are forgotten', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    for (let start = 0; start < 3; start++) {
      await rm(join(folder.path, 'index'), { recursive: true, force: true });
      await using store = await openTestStore(folder.path);
      await store.append(grower.many(20));
    }
    {
      await using store = await openTestStore(folder.path);
      const { lastSeq, messageCount } = store;
      await cutUpTo(store, lastSeq - 5);
      expect(messageCount).toBe(60);
      expect(store.messageCount).toBe(5);
    }
    await using store = await openTestStore(folder.path);
    await expectConsistent(store);
  });
});

describe('any sequence of appends, cuts and restarts', () => {
  it('keeps every survivor whole', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 12 }) }),
      fc.record({
        kind: fc.constant('cut' as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({ kind: fc.constant('restart' as const), reindex: fc.boolean() }),
    );
    const run = fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 12 }),
      fc.infiniteStream(fc.nat({ max: 1 << 20 })),
      async (steps, choices) => {
        await using folder = await aFolder();
        let store = await openTestStore(folder.path);
        const choose = (max: number): number => (choices.next().value ?? 0) % max;
        let alive: NewRecord[] = [];
        for (const wish of steps) {
          if (wish.kind === 'append') {
            const fresh: NewRecord[] = [];
            for (let n = 0; n < wish.count; n++) {
              const pool = [...alive, ...fresh];
              const parents =
                pool.length === 0 ? [] : [pool[choose(pool.length)]!.id, pool.at(-1)!.id];
              const unique = [...new Map(parents.map((id) => [messageIdHex(id), id])).values()];
              const wishes = { index: `key ${choose(3)}`, isLazy: choose(4) === 0 };
              fresh.push(aRecord(unique.length === 0 ? wishes : { ...wishes, parents: unique }));
            }
            await store.append(fresh);
            alive.push(...fresh);
          } else if (wish.kind === 'cut') {
            const upToSeq = store.cutSeq + Math.floor(wish.share * (store.lastSeq - store.cutSeq));
            await cutUpTo(store, upToSeq);
            alive = alive.filter(({ id }) => store.has(id));
          } else {
            await store[Symbol.asyncDispose]();
            store = await openTestStore(folder.path, { reindex: wish.reindex });
          }
          const all = await expectConsistent(store);
          expect(all.map(hex)).toEqual(alive.map(hex));
        }
        await store[Symbol.asyncDispose]();
      },
    );
    await fc.assert(run, { numRuns: 20 });
  });
});
