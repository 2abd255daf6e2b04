// Every kind of damage to the files, and what a repair saves: all but what was damaged.
import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageIdHex } from '../../src/protocol/ids.ts';
import {
  idKey,
  logSpaces,
  logStateKey,
  messageKey,
  pinKey,
  spaceRange,
} from '../../src/storage/layout.ts';
import { repairStore } from '../../src/storage/repair.ts';
import type { RepairReport } from '../../src/storage/repair.ts';
import type { NewRecord } from '../../src/storage/store.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, aRecord, network, openTestStore, readAll, withDatabase } from './support.ts';

const hexes = (records: readonly { readonly id: Uint8Array }[]): string[] =>
  records.map(({ id }) => messageIdHex(id));

const isOfKey = ({ indexKey }: NewRecord): boolean => Buffer.from('index 1').equals(indexKey!);

const onProgress = (): void => undefined;

function repair(dataDir: string): Promise<RepairReport> {
  return repairStore({ dataDir, network, cacheBytes: 4 << 20, keepAs: 'damaged', onProgress });
}

/** 3 000 messages, some 5 MiB in several tables, and one that waits. */
async function fill(dataDir: string): Promise<{ records: NewRecord[]; pending: NewRecord }> {
  const grower = new Grower();
  const pending = aRecord({ parents: [aRecord().id] });
  {
    await using store = await openTestStore(dataDir);
    for (let append = 0; append < 30; append++) {
      await store.append(grower.many(100, { dataBytes: 1_500 }));
    }
    await store.addPending([pending]);
  }
  await withDatabase(join(dataDir, 'log'), (db) => db.compactRange(Buffer.of(0), Buffer.of(9)));
  return { records: grower.records, pending };
}

async function change(dataDir: string, seq: number, at: (size: number) => number): Promise<void> {
  await withDatabase(join(dataDir, 'log'), async (db) => {
    const value = Buffer.from((await db.get(messageKey(seq)))!);
    const place = at(value.length);
    value[place] = value.readUInt8(place) ^ 1;
    await db.put(messageKey(seq), value);
  });
}

/** The node opens it, reads all but these, and goes on. */
async function expectAllBut(
  dataDir: string,
  records: readonly NewRecord[],
  lostSeqs: readonly number[],
): Promise<void> {
  const lost = new Set(lostSeqs);
  const kept = records.filter((_, position) => !lost.has(position + 1));
  await using store = await openTestStore(dataDir);
  expect(hexes(await readAll(store))).toEqual(hexes(kept));
  expect(store.messageCount).toBe(kept.length);
  const served = kept.filter(
    ({ id, bytes }) => store.get(id)?.bytes.toString() === Buffer.from(bytes).toString(),
  );
  expect(served.length).toBe(kept.length);
  const facts = await store.facts(kept.map(({ id }) => id));
  expect(facts.every((known) => known !== undefined && known.seq > 0)).toBe(true);
  const [seq] = await store.append([aRecord({ parents: [kept.at(-1)!.id] })]);
  expect(seq).toBeGreaterThan(records.length);
}

/** The smallest one of a new log holds only what it knows about itself. */
const minTableBytes = 4_096;

/** Those with messages, the oldest first. */
async function tablesOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ldb'));
  const paths = names.toSorted().map((name) => join(folder, name));
  return paths.filter((path) => statSync(path).size >= minTableBytes);
}

describe('a repair', () => {
  it('of a whole log leaves it as it is and makes the index again', async () => {
    await using folder = await aFolder();
    const { records, pending } = await fill(folder.path);
    let logId = '';
    {
      await using store = await openTestStore(folder.path);
      ({ logId } = store);
    }
    await withDatabase(join(folder.path, 'index'), (db) => db.del(idKey(records[0]!.id)));
    expect(await repair(folder.path)).toMatchObject({ isLogWhole: true, messageCount: 3_000 });
    expect(existsSync(join(folder.path, 'damaged'))).toBe(false);
    await using store = await openTestStore(folder.path);
    expect(store.logId).toBe(logId);
    expect(hexes(await readAll(store))).toEqual(hexes(records));
    expect(store.has(records[0]!.id)).toBe(true);
    expect(await store.getPending(pending.id)).toBeDefined();
  });

  it('keeps pins, and of those below the cut all that prove themselves', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    {
      await using store = await openTestStore(folder.path);
      await store.pin({ indexKey: Buffer.from('index 1') }, Infinity);
      await store.pin(records[0]!, Infinity);
      await store.cut({ upToSeq: 300 });
    }
    const verify = () =>
      verifyStore({ dataDir: folder.path, network, cacheBytes: 4 << 20, onProgress });
    expect(await repair(folder.path)).toMatchObject({ isLogWhole: true });
    expect((await verify()).faults).toEqual([]);
    await withDatabase(join(folder.path, 'log'), async (db) => {
      const value = Buffer.from((await db.get(pinKey(5)))!);
      value[value.length - 20] = value.readUInt8(value.length - 20) ^ 1;
      await db.put(pinKey(5), value);
    });
    expect(await repair(folder.path)).toMatchObject({ isLogWhole: false, lostPins: 1 });
    expect((await verify()).faults).toEqual([]);
    await using store = await openTestStore(folder.path);
    const expected = [records[0]!, ...records.slice(0, 300).filter(isOfKey)].filter(
      (record) => record !== records[4],
    );
    expect(hexes(await readAll(store, 'readKept'))).toEqual(hexes(expected));
    expect(store.pinTotals.keptCount).toBe(100);
    expect((await store.listPins()).indexKeys).toHaveLength(1);
  });

  it('loses one message for one flipped bit in its bytes, and none that name it', async () => {
    await using folder = await aFolder();
    const { records, pending } = await fill(folder.path);
    await change(folder.path, 1_000, (size) => size - 20);
    const report = await repair(folder.path);
    expect(report).toMatchObject({ isLogWhole: false, messageCount: 2_999, pendingCount: 1 });
    expect(report.damaged.ranges).toEqual([[1_000, 1_000]]);
    expect(report.adoptedIds).toEqual([messageIdHex(records[999]!.id)]);
    expect(existsSync(join(folder.path, 'damaged', 'log'))).toBe(true);
    await expectAllBut(folder.path, records, [1_000]);
    await using store = await openTestStore(folder.path);
    expect(await store.getPending(pending.id)).toBeDefined();
  });

  it('keeps a message of which only the head is damaged', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    await change(folder.path, 1_000, () => 7);
    const report = await repair(folder.path);
    expect(report.mended.ranges).toEqual([[1_000, 1_000]]);
    await expectAllBut(folder.path, records, []);
  });

  it('keeps all that lies outside of a flipped stretch of a table', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    const [table] = await tablesOf(join(folder.path, 'log'));
    const file = await readFile(table!);
    await writeFile(table!, file.fill(0xff, 100_000, 100_500));
    const report = await repair(folder.path);
    const lostCount = report.damaged.count + report.missing.count;
    expect(lostCount).toBeGreaterThan(0);
    // 500 bytes lie in one or two blocks of 4 KiB, which hold some three messages each.
    expect(lostCount).toBeLessThan(40);
    expect(report.messageCount).toBe(3_000 - lostCount);
    const lost = [...report.damaged.ranges, ...report.missing.ranges].flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, at) => first + at),
    );
    await expectAllBut(folder.path, records, lost);
  });

  it.each(['cut', 'gone'])('loses what one table held when that is %s', async (how) => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    const [table] = await tablesOf(join(folder.path, 'log'));
    await (how === 'cut' ? truncate(table!, 10_000) : rm(table!));
    await expect(openTestStore(folder.path)).rejects.toThrow('midge db repair');
    const report = await repair(folder.path);
    expect(report.isLogWhole).toBe(false);
    expect(report.messageCount + report.missing.count).toBe(3_000);
    const lost = report.missing.ranges.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, at) => first + at),
    );
    await expectAllBut(folder.path, records, lost);
  });

  it('puts a log together again whose list of files is lost', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    for (const name of await readdir(join(folder.path, 'log'))) {
      if (/^(CURRENT|MANIFEST)/.test(name)) await writeFile(join(folder.path, 'log', name), 'x');
    }
    expect((await repair(folder.path)).messageCount).toBe(3_000);
    await expectAllBut(folder.path, records, []);
  });

  it('sets anew what the log knew about itself', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    await withDatabase(join(folder.path, 'log'), async (db) => {
      for (const name of ['layout', 'network', 'cut'] as const) await db.del(logStateKey(name));
      await db.clear(spaceRange(logSpaces.epochs));
      await db.clear(spaceRange(logSpaces.entryPoints));
    });
    await expect(openTestStore(folder.path)).rejects.toThrow('midge db repair');
    const report = await repair(folder.path);
    expect(report.state).toEqual(['layout', 'network', 'cut', 'epochs', 'genesis']);
    await expectAllBut(folder.path, records, []);
  });

  it('tells how much of the end is lost', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    await withDatabase(join(folder.path, 'log'), (db) =>
      db.clear({ gte: messageKey(2_991), lt: messageKey(4_000) }),
    );
    const report = await repair(folder.path);
    expect(report.missing.ranges).toEqual([[2_991, 3_000]]);
    await expectAllBut(
      folder.path,
      records,
      Array.from({ length: 10 }, (_, at) => 2_991 + at),
    );
  });

  it('keeps the boundary of a log that was cut', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    {
      await using store = await openTestStore(folder.path);
      await store.cut({ upToSeq: 500 });
    }
    await change(folder.path, 1_000, (size) => size - 20);
    const report = await repair(folder.path);
    expect(report).toMatchObject({ messageCount: 2_499, missing: { count: 0 } });
    await using store = await openTestStore(folder.path);
    expect(store).toMatchObject({ cutSeq: 500, messageCount: 2_499 });
    expect(store.has(records[400]!.id)).toBe(false);
  });

  it('of a folder that is in use, of another network, or that is none is refused', async () => {
    await using folder = await aFolder();
    await expect(repair(join(folder.path, 'none'))).rejects.toThrow('There is no data folder');
    {
      await using _ = await openTestStore(folder.path);
      await expect(repair(folder.path)).rejects.toThrow(`in use by process ${process.pid}`);
    }
    const foreign = { name: 'other', id: 5n };
    await expect(
      repairStore({
        dataDir: folder.path,
        network: foreign,
        cacheBytes: 4 << 20,
        keepAs: 'damaged',
        onProgress,
      }),
    ).rejects.toThrow('belongs to the network "store-test"');
    expect(existsSync(join(folder.path, 'rebuild'))).toBe(false);
  });
});

describe('an installation that was cut short', () => {
  it.each(['before anything was moved', 'the old log is aside', 'the new log is in its place'])(
    'is finished by the next start: %s',
    async (moment) => {
      await using folder = await aFolder();
      const [path, rebuild] = [folder.path, join(folder.path, 'rebuild')];
      const fresh = new Grower();
      {
        await using old = await openTestStore(path);
        await old.append([aRecord()]);
      }
      {
        await using store = await openTestStore(rebuild);
        await store.append(fresh.many(3));
      }
      await writeFile(join(rebuild, 'finished'), 'log index\ndamaged\n');
      if (moment !== 'before anything was moved') {
        await mkdir(join(path, 'damaged'));
        await rename(join(path, 'log'), join(path, 'damaged', 'log'));
      }
      if (moment === 'the new log is in its place') {
        await rename(join(rebuild, 'log'), join(path, 'log'));
      }
      await using store = await openTestStore(path);
      expect(hexes(await readAll(store))).toEqual(hexes(fresh.records));
      expect((await stat(join(path, 'damaged', 'log'))).isDirectory()).toBe(true);
      expect(existsSync(rebuild)).toBe(false);
    },
  );
});
