import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database, OpenDatabase } from '../../src/storage/database.ts';
import {
  childKey,
  decodeNumber,
  idKey,
  indexSpaces,
  indexationKey,
  parentOfChildKey,
  seqOfKey,
  spaceRange,
} from '../../src/storage/layout.ts';
import { Sweep } from '../../src/storage/sweep.ts';
import { aFolder } from '../support/folder.ts';
import {
  Grower,
  aRecord,
  cutUpTo,
  expectConsistent,
  openTestStore,
  sweepAll,
  withDatabase,
} from './support.ts';

/** The seqs that the ids, the indexation keys and the children of the index point at. */
function pointedAt(dataDir: string): Promise<Record<string, Set<number>>> {
  return withDatabase(join(dataDir, 'index'), async (db) => {
    const ids = await db.iterator(spaceRange(indexSpaces.ids)).all();
    const indexation = await db.keys(spaceRange(indexSpaces.indexation)).all();
    const children = await db.keys(spaceRange(indexSpaces.children)).all();
    return {
      ids: new Set(ids.map(([, value]) => decodeNumber(value))),
      indexation: new Set(indexation.map(seqOfKey)),
      children: new Set(children.flatMap((key) => [parentOfChildKey(key), seqOfKey(key)])),
    };
  });
}

const range = (from: number, to: number): Set<number> =>
  new Set(Array.from({ length: to - from + 1 }, (_, n) => from + n));

/** While it is held, what is read of the index waits to be handed out. */
class HeldIndex {
  isHeld = false;
  readCount = 0;
  readonly read = Promise.withResolvers<void>();
  readonly released = Promise.withResolvers<void>();

  readonly open: OpenDatabase = async (location, sizes) => {
    const db = await openDatabase(location, sizes);
    if (!location.endsWith('index')) return db;
    const iterator = db.iterator.bind(db) as (range: object) => ReturnType<Database['iterator']>;
    return Object.assign(db, {
      iterator: (walk: object) => {
        const walked = iterator(walk);
        if (!this.isHeld) return walked;
        const nextv = walked.nextv.bind(walked) as (size: number) => Promise<unknown>;
        return Object.assign(walked, {
          nextv: async (size: number) => {
            const entries = await nextv(size);
            this.readCount += 1;
            this.read.resolve();
            await this.released.promise;
            return entries;
          },
        });
      },
    });
  };
}

describe('a sweep', () => {
  it('takes no more than what was pruned, also what a crash brought back', async () => {
    await using folder = await aFolder();
    const records = new Grower().many(50);
    {
      await using store = await openTestStore(folder.path);
      await store.append(records);
      await cutUpTo(store, 30);
      expect(store.staleIndexCount).toBe(30);
    }
    await withDatabase(join(folder.path, 'index'), async (db) => {
      await db.put(childKey(7, false, 9), Buffer.alloc(0));
      await db.put(childKey(0, true, 12), Buffer.alloc(0));
    });
    {
      await using store = await openTestStore(folder.path);
      expect(store.staleIndexCount).toBe(30);
      expect(await store.childrenOf(genesisId, 10)).toEqual([]);
      await sweepAll(store);
      // The parts with nothing to remove have their turn too.
      for (let part = 0; part < 3; part++) await store.compact('index');
      await expectConsistent(store);
    }
    const { ids, indexation, children } = await pointedAt(folder.path);
    expect(ids).toEqual(range(31, 50));
    expect(indexation).toEqual(range(31, 50));
    expect(children).toEqual(range(31, 50));
  });

  it('is remembered over a start', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append(new Grower().many(50));
      await cutUpTo(store, 30);
      await sweepAll(store);
      await cutUpTo(store, 40);
      expect(store.staleIndexCount).toBe(10);
    }
    await using store = await openTestStore(folder.path);
    expect(store.staleIndexCount).toBe(10);
  });

  it('is not owed by an index that was made after the cut', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append(new Grower().many(50));
      await cutUpTo(store, 30);
    }
    await using store = await openTestStore(folder.path, { reindex: true });
    expect(store.staleIndexCount).toBe(0);
    expect(await store.prunedBytesOnDisk()).toMatchObject({ index: 0 });
    await cutUpTo(store, 40);
    expect(store.staleIndexCount).toBe(10);
  });

  it('leaves alone what came again, also while it runs', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const records = Array.from({ length: 3_000 }, () => aRecord());
    for (let at = 0; at < 3_000; at += 1_000) await store.append(records.slice(at, at + 1_000));
    await store.append(new Grower().many(10));
    using _parent = store.hold([genesisId]);
    await cutUpTo(store, 3_005);
    await store.append(records.slice(0, 500));
    const sweeping = sweepAll(store);
    for (let at = 500; at < 3_000; at += 100) await store.append(records.slice(at, at + 100));
    await sweeping;
    for (const { id } of records) expect(store.has(id)).toBe(true);
    await expectConsistent(store);
  });

  it('may come late: nothing that was pruned is found meanwhile', async () => {
    await using folder = await aFolder();
    const records = new Grower().many(40, { index: 'same' });
    {
      await using store = await openTestStore(folder.path);
      await store.append(records);
      await cutUpTo(store, 35);
    }
    // Were it asked for, it would be found: the cut alone keeps it out.
    await withDatabase(join(folder.path, 'index'), async (db) => {
      expect(await db.get(idKey(records[3]!.id))).toBeDefined();
      expect(await db.get(indexationKey(Buffer.from('same'), 4))).toBeDefined();
    });
    await using store = await openTestStore(folder.path);
    const { messages: found } = await store.findByIndex(Buffer.from('same'), { limit: 100 });
    expect(found.map(({ id }) => messageIdHex(id))).toEqual(
      records
        .slice(35)
        .toReversed()
        .map(({ id }) => messageIdHex(id)),
    );
    expect(store.has(records[3]!.id)).toBe(false);
    expect(await store.facts([records[3]!.id])).toEqual([undefined]);
  });

  it('goes on where its part ended, and is done only then', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append(new Grower().many(50));
    await cutUpTo(store, 30);
    await store[Symbol.asyncDispose]();
    await withDatabase(join(folder.path, 'index'), async (db) => {
      const sweep = await Sweep.open(db);
      const job = await sweep.next(30);
      const after = idKey(Buffer.alloc(32, 0x7f));
      sweep.leaveAt(job, after);
      const rest = await sweep.next(40);
      expect(rest).toEqual({ ...job, after });
      const page = await sweep.readPage(rest, rest.after);
      expect(page.lastKey).toBeUndefined();
      await sweep.removeFrom(page, { cutSeq: 30 });
      const ids = await db.iterator(spaceRange(indexSpaces.ids)).all();
      const stale = ids.filter(([, value]) => decodeNumber(value) <= 30);
      expect(stale.every(([key]) => Buffer.compare(key, after) <= 0)).toBe(true);
      expect(sweep.staleCount(30)).toBe(30);
      await sweep.note(rest);
      expect(sweep.staleCount(30)).toBeLessThan(30);
      expect((await sweep.next(40)).after).toBeUndefined();
    });
  });

  it('leaves alone what came again after it was read, and before what was pruned of it is removed', async () => {
    await using folder = await aFolder();
    const index = new HeldIndex();
    await using store = await openTestStore(folder.path, { openDatabase: index.open });
    const records = Array.from({ length: 100 }, () => aRecord());
    await store.append(records);
    await store.append(new Grower().many(10));
    using _parent = store.hold([genesisId]);
    await cutUpTo(store, 105);
    index.isHeld = true;
    const sweeping = store.compact('index');
    await index.read.promise;
    index.isHeld = false;
    await store.append(records);
    index.released.resolve();
    await sweeping;
    await sweepAll(store);
    for (const { id } of records) expect(store.has(id)).toBe(true);
    await expectConsistent(store);
  });

  it('does not meet another one', async () => {
    await using folder = await aFolder();
    const index = new HeldIndex();
    await using store = await openTestStore(folder.path, { openDatabase: index.open });
    const grower = new Grower();
    await store.append(grower.many(50));
    await cutUpTo(store, 40);
    index.isHeld = true;
    const sweeps = [store.compact('index'), store.compact('index')];
    await index.read.promise;
    // Far longer than the other one would need to begin.
    for (let append = 0; append < 20; append++) await store.append([grower.next()]);
    expect(index.readCount).toBe(1);
    index.isHeld = false;
    index.released.resolve();
    await Promise.all(sweeps);
  });

  it('that is told to stop reads no further page, and is made up for', async () => {
    await using folder = await aFolder();
    const stop = new AbortController();
    let isSweeping = false;
    const afterStop: string[] = [];
    const told = (name: string): void => {
      if (isSweeping && stop.signal.aborted) afterStop.push(name);
    };
    await using store = await openTestStore(folder.path, {
      openDatabase: async (location, sizes) => {
        const db = await openDatabase(location, sizes);
        if (!location.endsWith('index')) return db;
        const batch = db.batch.bind(db) as () => ReturnType<Database['batch']>;
        const iterator = db.iterator.bind(db) as (
          range: object,
        ) => ReturnType<Database['iterator']>;
        const compactRange = db.compactRange.bind(db);
        return Object.assign(db, {
          iterator: (walk: object) => {
            told('page');
            return iterator(walk);
          },
          compactRange: (gte: Buffer, lt: Buffer) => {
            told('compaction');
            return compactRange(gte, lt);
          },
          batch: () => {
            if (isSweeping) stop.abort();
            return batch();
          },
        });
      },
    });
    const records = Array.from({ length: 5_000 }, () => aRecord());
    for (let at = 0; at < 5_000; at += 1_000) await store.append(records.slice(at, at + 1_000));
    await cutUpTo(store, 4_990);
    isSweeping = true;
    await store.compact('index', stop.signal);
    expect(stop.signal.aborted).toBe(true);
    expect(afterStop).toEqual([]);
    expect(store.staleIndexCount).toBe(4_990);
    isSweeping = false;
    await sweepAll(store);
    await expectConsistent(store);
  });
});
