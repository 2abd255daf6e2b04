// Every way in which log and index can disagree at a start. Afterwards all reads agree with the log.
import { existsSync } from 'node:fs';
import { cp, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageIdHex } from '../../src/protocol/ids.ts';
import {
  idKey,
  indexSpaces,
  messageKey,
  positionKey,
  spaceRange,
} from '../../src/storage/layout.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database } from '../../src/storage/database.ts';
import type { NewRecord, Store } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import {
  Grower,
  aRecord,
  copyOf,
  expectConsistent,
  network,
  openTestStore,
  withDatabase,
  writeAheadFiles,
} from './support.ts';

const hexes = (records: readonly { readonly id: Uint8Array }[]) =>
  records.map(({ id }) => messageIdHex(id));

/** A folder with 100 messages (or `count`) in appends of ten, closed. Returns its log id. */
async function fill(dataDir: string, grower = new Grower(), count = 100): Promise<string> {
  await using store = await openTestStore(dataDir);
  for (let append = 0; append < count; append += 10) await store.append(grower.many(10));
  return store.logId;
}

/**
 * Expects that all is there, reads agree, and the store goes on: what is appended now is there after the
 * next start. Returns the log id.
 */
async function expectWhole(dataDir: string, records: readonly NewRecord[]): Promise<string> {
  const fresh = aRecord({ parents: [records.at(-1)!.id], index: 'fresh' });
  let logId: string;
  {
    await using store = await openTestStore(dataDir);
    expect(hexes(await expectConsistent(store))).toEqual(hexes(records));
    await store.append([fresh]);
    logId = store.logId;
  }
  await using store = await openTestStore(dataDir);
  expect(store.logId).toBe(logId);
  expect(hexes(await expectConsistent(store))).toEqual(hexes([...records, fresh]));
  return logId;
}

async function idKeyLengths(db: Database): Promise<Set<number>> {
  const keys = await db.keys(spaceRange(indexSpaces.ids)).all();
  return new Set(keys.map(({ length }) => length));
}

describe('an index', () => {
  it('that agrees with the log keeps the log id', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    expect(await expectWhole(folder.path, grower.records)).toBe(logId);
  });

  it('that is missing is made again, under another log id', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    await rm(join(folder.path, 'index'), { recursive: true });
    const progress: [number, number][] = [];
    {
      const onProgress = (done: number, total: number) => void progress.push([done, total]);
      await using store = await openTestStore(folder.path, { onProgress });
      expect(progress.at(-1)).toEqual([100, 100]);
      expect(store.logId).not.toBe(logId);
      expect(await store.append([grower.next()])).toEqual([101]);
    }
    await expectWhole(folder.path, grower.records);
  });

  it('that is older catches up and keeps the log id', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    await cp(join(folder.path, 'index'), join(folder.path, 'older'), { recursive: true });
    const logId = await fill(folder.path, grower);
    await rm(join(folder.path, 'index'), { recursive: true });
    await rename(join(folder.path, 'older'), join(folder.path, 'index'));
    expect(await expectWhole(folder.path, grower.records)).toBe(logId);
  });

  it('that is newer than the log makes it jump above all numbers that the index knows', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    await cp(join(folder.path, 'log'), join(folder.path, 'older'), { recursive: true });
    const kept = [...grower.records];
    await fill(folder.path, grower);
    await rm(join(folder.path, 'log'), { recursive: true });
    await rename(join(folder.path, 'older'), join(folder.path, 'log'));
    {
      await using store = await openTestStore(folder.path);
      expect(store.logId).not.toBe(logId);
      expect(hexes(await expectConsistent(store))).toEqual(hexes(kept));
      const lost = grower.records.slice(100);
      expect(await store.facts(lost.map(({ id }) => id))).toEqual(lost.map(() => undefined));
      expect(await store.append(lost.slice(0, 2))).toEqual([201, 202]);
      expect(store.messageCount).toBe(102);
    }
    await expectWhole(folder.path, grower.records.slice(0, 102));
  });

  it('of another log is wiped', async () => {
    await using folder = await aFolder();
    await using other = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    {
      await using store = await openTestStore(other.path);
      await store.append(new Grower().many(20));
      await store.addPending([{ ...aRecord(), arrivalMs: 1 }]);
    }
    await rm(join(folder.path, 'index'), { recursive: true });
    await cp(join(other.path, 'index'), join(folder.path, 'index'), { recursive: true });
    {
      await using store = await openTestStore(folder.path);
      expect(await store.readPending({ limit: 10 })).toEqual([]);
    }
    await expectWhole(folder.path, grower.records);
  });

  it('whose watermark lies beyond the end of its epoch is wiped', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    await cp(join(folder.path, 'log'), join(folder.path, 'log-at-100'), { recursive: true });
    // The numbers from 101 on under the first log id, of which the log will hold nothing.
    await fill(folder.path, new Grower());
    await fill(folder.path, new Grower());
    await rename(join(folder.path, 'index'), join(folder.path, 'index-at-300'));
    await rm(join(folder.path, 'log'), { recursive: true });
    await rename(join(folder.path, 'log-at-100'), join(folder.path, 'log'));
    let logId: string;
    {
      // Without an index: an epoch begins at 101, so the first one cannot reach 300.
      await using store = await openTestStore(folder.path);
      await store.append(grower.many(3));
      logId = store.logId;
    }
    await rm(join(folder.path, 'index'), { recursive: true });
    await rename(join(folder.path, 'index-at-300'), join(folder.path, 'index'));
    expect(await expectWhole(folder.path, grower.records)).not.toBe(logId);
  });

  it('of another layout is made again and keeps what is pending', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    const pending = aRecord();
    {
      await using store = await openTestStore(folder.path);
      await store.addPending([pending]);
    }
    await withDatabase(join(folder.path, 'index'), async (db) => {
      const position = Buffer.from((await db.get(positionKey))!);
      position[0] = 0;
      await db.put(positionKey, position);
    });
    {
      await using store = await openTestStore(folder.path);
      expect(store.logId).toBe(logId);
      expect(hexes(await store.readPending({ limit: 10 }))).toEqual(hexes([pending]));
    }
    await expectWhole(folder.path, grower.records);
  });

  it('of layout 2, with whole ids as keys, is made again with the beginnings of them', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    const location = join(folder.path, 'index');
    await withDatabase(location, async (db) => {
      const position = Buffer.from((await db.get(positionKey))!);
      position[0] = 2;
      await db.put(positionKey, position);
      for (const { id } of grower.records) {
        const seq = (await db.get(idKey(id)))!;
        await db.del(idKey(id));
        await db.put(Buffer.concat([Buffer.of(indexSpaces.ids.prefix), id]), seq);
      }
      expect(await idKeyLengths(db)).toEqual(new Set([33]));
    });
    expect(await expectWhole(folder.path, grower.records)).toBe(logId);
    expect(await withDatabase(location, idKeyLengths)).toEqual(new Set([17]));
  });

  it('that LevelDB cannot open is made again', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    await writeFile(join(folder.path, 'index', 'CURRENT'), 'nonsense');
    expect(await expectWhole(folder.path, grower.records)).not.toBe(logId);
    await writeFile(join(folder.path, 'index', 'CURRENT'), 'MANIFEST-999999\n');
    await using store = await openTestStore(folder.path);
    await expectConsistent(store);
  });

  it('that lost single messages gets them back', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    await withDatabase(join(folder.path, 'index'), async (db) => {
      for (const record of grower.records.slice(20, 25)) await db.del(idKey(record.id));
    });
    expect(await expectWhole(folder.path, grower.records)).toBe(logId);
  });

  it('is whole again after its write-ahead file was cut or holed anywhere', async () => {
    await using folder = await aFolder();
    const original = join(folder.path, 'original');
    const grower = new Grower();
    await fill(original, grower, 20);
    await fill(original, grower, 60);
    const [path] = await writeAheadFiles(join(original, 'index'));
    const file = await readFile(path!);
    const copy = join(folder.path, 'copy');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('cut', 'hole'),
        fc.nat(file.length),
        fc.integer({ min: 1, max: 4_096 }),
        async (kind, at, sizeBytes) => {
          const damaged = Buffer.from(file);
          if (kind === 'hole') damaged.fill(0, at, Math.min(file.length, at + sizeBytes));
          await copyOf(original, copy);
          const target = path!.replace(original, copy);
          await writeFile(target, kind === 'cut' ? file.subarray(0, at) : damaged);
          await using store = await openTestStore(copy);
          expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('is checked for holes also when the start that saw them was killed', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path);
      // So much that a look at the newest messages alone would not find the hole.
      for (let append = 0; append < 30; append++) await store.append(grower.many(100));
    }
    const [path] = await writeAheadFiles(join(folder.path, 'index'));
    const file = await readFile(path!);
    await writeFile(path!, file.fill(0, 40_000, 44_096));
    // LevelDB swallows the hole in a start that gets no further than opening the index.
    await expect(openTestStore(folder.path, { openDatabase: openThenFail })).rejects.toThrow(
      'killed here',
    );
    await using store = await openTestStore(folder.path);
    expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
  });
});

/** Opens the databases, LevelDB's own recovery included, and then fails as if the process ended there. */
async function openThenFail(location: string): Promise<Database> {
  const db = await openDatabase(location, { cacheBytes: 1 << 20, writeBufferBytes: 1 << 22 });
  if (!location.endsWith('index')) return db;
  await db.close();
  throw new Error('killed here');
}

describe('reindexing', () => {
  it('makes everything again, keeps the log id and what is pending', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    const pending = Array.from({ length: 150 }, () => aRecord());
    {
      await using store = await openTestStore(folder.path);
      await store.addPending(pending);
    }
    await withDatabase(join(folder.path, 'index'), (db) => db.del(idKey(grower.records[3]!.id)));
    const progress: number[] = [];
    {
      const onProgress = (done: number) => void progress.push(done);
      await using store = await openTestStore(folder.path, { reindex: true, onProgress });
      expect(store.logId).toBe(logId);
      expect(progress.at(-1)).toBe(100);
      expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
      const kept = await store.readPending({ limit: 1_000 });
      expect(hexes(kept).toSorted()).toEqual(hexes(pending).toSorted());
    }
    await expectWhole(folder.path, grower.records);
  });

  it('goes on above the old watermark when the end of the log is lost too', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    await withDatabase(join(folder.path, 'log'), async (db) => {
      for (let seq = 96; seq <= 100; seq++) await db.del(messageKey(seq));
    });
    await using store = await openTestStore(folder.path, { reindex: true });
    expect(await store.append([grower.next({ parents: [grower.records[50]!.id] })])).toEqual([101]);
  });

  it('drops a damaged message, so that it can come again', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    await withDatabase(join(folder.path, 'log'), async (db) => {
      const value = Buffer.from((await db.get(messageKey(9)))!);
      value[value.length - 9] = value.readUInt8(value.length - 9) ^ 1;
      await db.put(messageKey(9), value);
    });
    await using store = await openTestStore(folder.path, { reindex: true });
    const damaged = grower.records[8]!;
    expect(store.get(damaged.id)).toBeUndefined();
    expect(await store.facts([damaged.id])).toEqual([undefined]);
    await store.append([damaged]);
    expect(store.get(damaged.id)).toMatchObject({ seq: 101 });
  });
});

describe('a reindexing that was killed', () => {
  it.each(['the old index is aside', 'the new one has its name'])(
    'keeps what is pending when %s',
    async (moment) => {
      await using folder = await aFolder();
      const pending = aRecord();
      const index = join(folder.path, 'index');
      {
        await using store = await openTestStore(folder.path);
        await store.append([aRecord()]);
        await store.addPending([pending]);
      }
      await cp(index, `${index}.new`, { recursive: true });
      await rename(index, `${index}.old`);
      if (moment === 'the new one has its name') await rename(`${index}.new`, index);
      await using store = await openTestStore(folder.path);
      expect(hexes(await store.readPending({ limit: 10 }))).toEqual(hexes([pending]));
      expect(existsSync(`${index}.new`)).toBe(false);
      expect(existsSync(`${index}.old`)).toBe(false);
    },
  );
});

async function newestTable(folder: string): Promise<string> {
  const tables = (await readdir(folder)).filter((name) => name.endsWith('.ldb'));
  return join(folder, tables.toSorted().at(-1)!);
}

describe('a log with a table that cannot be read', () => {
  it('is named as such, and its index is not made again for it', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    await withDatabase(join(folder.path, 'log'), (db) =>
      db.compactRange(Buffer.of(0), Buffer.of(9)),
    );
    const log = join(folder.path, 'log');
    await truncate(await newestTable(log), 4_096);
    const before = await readdir(join(folder.path, 'index'));
    await expect(openTestStore(folder.path)).rejects.toThrow('midge db repair');
    expect(await readdir(join(folder.path, 'index'))).toEqual(before);
  });
});

describe('a gap in the log', () => {
  it('sends what lies above it through the door again', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const logId = await fill(folder.path, grower);
    await withDatabase(join(folder.path, 'log'), async (db) => {
      for (const seq of [61, 62, 63]) await db.del(messageKey(seq));
    });
    const [kept, again] = [grower.records.slice(0, 60), grower.records.slice(63)];
    {
      await using store = await openTestStore(folder.path);
      expect(store.logId).not.toBe(logId);
      expect(hexes(await expectConsistent(store))).toEqual(hexes(kept));
      const pending = await store.readPending({ limit: 100 });
      expect(hexes(pending).toSorted()).toEqual(hexes(again).toSorted());
      const restored = grower.records.slice(60);
      expect(await store.append(restored)).toEqual(restored.map((_, position) => 101 + position));
      expect(await store.readPending({ limit: 100 })).toEqual([]);
    }
    await expectWhole(folder.path, grower.records);
  });

  it('may begin at the very first message', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await fill(folder.path, grower);
    await withDatabase(join(folder.path, 'log'), (db) => db.del(messageKey(1)));
    await using store = await openTestStore(folder.path);
    expect(await expectConsistent(store)).toEqual([]);
    expect(await store.readPending({ limit: 1_000 })).toHaveLength(99);
    expect(await store.append([aRecord()])).toEqual([101]);
  });

  it('that holes in the write-ahead file tore is found however many messages follow it', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      for (let append = 0; append < 30; append++) await store.append(grower.many(100));
    }
    const [path] = await writeAheadFiles(join(folder.path, 'log'));
    const file = await readFile(path!);
    await writeFile(path!, file.fill(0, 100_000, 104_096));
    await using store = await openTestStore(folder.path);
    const kept = await expectConsistent(store);
    expect(kept.length % 100).toBe(0);
    expect(kept.length).toBeLessThan(1_000);
    expect(hexes(kept)).toEqual(hexes(grower.records.slice(0, kept.length)));
    const pending = await store.readPending({ limit: 10_000 });
    expect(pending.length).toBeGreaterThan(2_000);
    expect(await store.append([aRecord()])).toEqual([3_001]);
  });
});

/** Ids that answer with another message's bytes. */
function mixedUp(store: Store, records: readonly NewRecord[]): readonly string[] {
  const wrong = records.filter(({ id, bytes }) => {
    const found = store.get(id);
    return found !== undefined && Buffer.compare(found.bytes, bytes) !== 0;
  });
  return hexes(wrong);
}

describe('a power cut', () => {
  /** What the index may be, beside a log that ends anywhere beyond the last acknowledged append. */
  const indexes = ['as it was', 'missing', 'older', 'cut', 'holed'] as const;

  async function damageIndex(
    dataDir: string,
    kind: (typeof indexes)[number],
    { older, share }: { readonly older: string; readonly share: number },
  ): Promise<void> {
    const location = join(dataDir, 'index');
    if (kind === 'missing' || kind === 'older') await rm(location, { recursive: true });
    if (kind === 'older') await cp(older, location, { recursive: true });
    if (kind !== 'cut' && kind !== 'holed') return;
    const path = (await writeAheadFiles(location)).at(-1)!;
    const file = await readFile(path);
    const at = Math.floor(share * file.length);
    const holed = Buffer.from(file).fill(0, at, Math.min(file.length, at + 512));
    await writeFile(path, kind === 'cut' ? file.subarray(0, at) : holed);
  }

  it('loses nothing that was acknowledged and mixes nothing up', async () => {
    await using folder = await aFolder();
    const [original, older] = [join(folder.path, 'original'), join(folder.path, 'older')];
    const grower = new Grower();
    await fill(original, grower, 20);
    await cp(join(original, 'index'), older, { recursive: true });
    await fill(original, grower, 20);
    const acknowledged = [...grower.records];
    let acknowledgedBytes = 0;
    const live = join(folder.path, 'live');
    {
      await using store = await openTestStore(original);
      await store.append(grower.many(10));
      acknowledged.push(...grower.records.slice(-10));
      const [path] = await writeAheadFiles(join(original, 'log'));
      acknowledgedBytes = (await stat(path!)).size;
      for (let append = 0; append < 10; append++) await store.append(grower.many(5));
      await copyOf(original, live);
    }
    const [path] = await writeAheadFiles(join(live, 'log'));
    const endBytes = (await stat(path!)).size;
    const copy = join(folder.path, 'copy');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...indexes),
        fc.integer({ min: acknowledgedBytes, max: endBytes }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (kind, sizeBytes, share) => {
          await copyOf(live, copy);
          await truncate(path!.replace(live, copy), sizeBytes);
          await damageIndex(copy, kind, { older, share });
          const fresh = new Grower();
          {
            await using store = await openTestStore(copy);
            const stored = await expectConsistent(store);
            expect(hexes(stored).slice(0, acknowledged.length)).toEqual(hexes(acknowledged));
            const seqs = await store.append(fresh.many(20));
            // An index that saw the lost numbers keeps them from being given again.
            const minSeq = kind === 'as it was' ? grower.records.length : stored.length;
            expect(seqs[0]).toBeGreaterThan(minSeq);
            expect(mixedUp(store, grower.records)).toEqual([]);
          }
          await using store = await openTestStore(copy);
          const stored = await expectConsistent(store);
          expect(hexes(stored).slice(0, acknowledged.length)).toEqual(hexes(acknowledged));
          expect(hexes(stored).slice(-20)).toEqual(hexes(fresh.records));
          expect(mixedUp(store, grower.records)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a message in both log and pending', () => {
  it('is stored, and waits no longer', async () => {
    await using folder = await aFolder();
    const record = aRecord();
    {
      await using store = await openTestStore(folder.path);
      await store.addPending([record]);
      await cp(join(folder.path, 'index'), join(folder.path, 'older'), { recursive: true });
      await store.append([record]);
    }
    await rm(join(folder.path, 'index'), { recursive: true });
    await rename(join(folder.path, 'older'), join(folder.path, 'index'));
    await using store = await openTestStore(folder.path, { network });
    expect(store.has(record.id)).toBe(true);
    expect(await store.getPending(record.id)).toBeUndefined();
    expect(await store.readPending({ limit: 10 })).toEqual([]);
  });
});
