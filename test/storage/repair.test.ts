// Every kind of damage to the files, and what a repair saves: all but what was damaged.
import { randomInt } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
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
import { decodeManifest } from '../../src/storage/manifest.ts';
import { repairStore } from '../../src/storage/repair.ts';
import type { RepairReport } from '../../src/storage/repair.ts';
import type { NewRecord } from '../../src/storage/store.ts';
import { blockAt } from '../../src/storage/table-block.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { aFolder } from '../support/folder.ts';
import {
  Grower,
  aRecord,
  copyOf,
  cutUpTo,
  network,
  openTestStore,
  readAll,
  readTable,
  sweepAll,
  tablesOf,
  withDatabase,
} from './support.ts';

const hexes = (records: readonly { readonly id: Uint8Array }[]): string[] =>
  records.map(({ id }) => messageIdHex(id));

const isOfKey = ({ indexKey }: NewRecord): boolean => Buffer.from('index 1').equals(indexKey!);

const onProgress = (): void => undefined;

function repair(dataDir: string): Promise<RepairReport> {
  return repairStore({ dataDir, network, cacheBytes: 4 << 20, keepAs: 'damaged', onProgress });
}

/** Whether LevelDB packs the blocks: it does where messages repeat themselves. */
const packings: [string, string | undefined][] = [
  ['plain', undefined],
  ['packed', 'the same indexation key '.repeat(2)],
];

/** 3 000 messages, some 5 MiB in several tables, and one that waits. */
async function fill(
  dataDir: string,
  index?: string,
): Promise<{ records: NewRecord[]; pending: NewRecord }> {
  const grower = new Grower();
  const pending = aRecord({ parents: [aRecord().id] });
  {
    await using store = await openTestStore(dataDir);
    for (let append = 0; append < 30; append++) {
      await store.append(grower.many(100, index === undefined ? plain : { index, dataBytes: 60 }));
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
  seqs: readonly number[],
): Promise<void> {
  const lost = new Set(seqs);
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
async function messageTablesOf(folder: string): Promise<string[]> {
  return (await tablesOf(folder)).filter((path) => statSync(path).size >= minTableBytes);
}

const plain = { dataBytes: 1_500 };

function lostSeqs({ damaged, missing }: RepairReport): number[] {
  return [...damaged.ranges, ...missing.ranges].flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => first + at),
  );
}

/** Of these, those whose last bytes stand there as they are. */
function countOf(bytes: Buffer, records: readonly NewRecord[]): number {
  return records.filter((record) => bytes.includes(Buffer.from(record.bytes.subarray(-60)))).length;
}

/** A repair loses at most so many, and the node starts with all others. */
async function expectSaved(
  dataDir: string,
  records: readonly NewRecord[],
  { maxLost, what }: { readonly maxLost: number; readonly what: string },
): Promise<void> {
  const report = await repair(dataDir);
  const lost = lostSeqs(report);
  expect(report.isLogWhole, `of a ${what}`).toBe(false);
  expect(lost.length, `of a ${what}`).toBeLessThanOrEqual(maxLost);
  const verified = await verifyStore({ dataDir, network, cacheBytes: 4 << 20, onProgress });
  expect(verified.faults, `of a ${what}`).toEqual([]);
  await expectAllBut(dataDir, records, lost);
}

/** One drawn by lot. */
async function anyTableOf(folder: string) {
  const tables = await messageTablesOf(folder);
  return readTable(tables[randomInt(tables.length)]!);
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
    const [table] = await messageTablesOf(join(folder.path, 'log'));
    const file = await readFile(table!);
    await writeFile(table!, file.fill(0xff, 100_000, 100_500));
    const report = await repair(folder.path);
    const lostCount = report.damaged.count + report.missing.count;
    expect(lostCount).toBeGreaterThan(0);
    // 500 bytes lie in one or two blocks of 4 KiB, which hold some three messages each.
    expect(lostCount).toBeLessThan(40);
    expect(report.messageCount).toBe(3_000 - lostCount);
    await expectAllBut(folder.path, records, lostSeqs(report));
  });

  it.each(packings)(
    'of a table that was cut anywhere saves all that lies before the cut: %s',
    async (_, index) => {
      await using folder = await aFolder();
      const template = join(folder.path, 'template');
      const { records } = await fill(template, index);
      for (let times = 0; times < 4; times++) {
        const dataDir = await copyOf(template, join(folder.path, 'copy'));
        const { table, bytes, blocks } = await anyTableOf(join(dataDir, 'log'));
        // Half of them close to its end, where only what LevelDB needs to read it is gone.
        const cutAt = bytes.length - 1 - randomInt(times % 2 ? 1_000 : bytes.length);
        const behind = blocks.filter(({ endsAt }) => endsAt > cutAt);
        const inBlocks = behind.flatMap(({ at }) => blockAt(bytes.subarray(at)).block!.entries);
        const hidden =
          index === undefined ? 1 + countOf(bytes.subarray(cutAt), records) : inBlocks.length;
        await truncate(table, cutAt);
        const what = `table of ${bytes.length} bytes cut at ${cutAt}`;
        expect(hidden, `of a ${what}`).toBeLessThanOrEqual(1 + inBlocks.length);
        await expectSaved(dataDir, records, { maxLost: hidden, what });
      }
    },
  );

  it.each(packings)(
    'of a table with damage behind its blocks loses nothing: %s',
    async (_, index) => {
      await using folder = await aFolder();
      const template = join(folder.path, 'template');
      const { records } = await fill(template, index);
      for (let times = 0; times < 4; times++) {
        const dataDir = await copyOf(template, join(folder.path, 'copy'));
        const { table, bytes, blocks } = await anyTableOf(join(dataDir, 'log'));
        const [at, length] = [blocks.at(-1)!.endsAt, 1 + randomInt(64)];
        const from = times === 0 ? bytes.length - 8 : at + randomInt(bytes.length - 48 - at);
        for (let place = from; place < Math.min(from + length, bytes.length); place++) {
          bytes[place] = bytes.readUInt8(place) ^ 0x55;
        }
        await writeFile(table, bytes);
        const what = `table with ${length} bytes damaged from ${from} on`;
        expect(from, `of a ${what}`).toBeGreaterThanOrEqual(at);
        await expectSaved(dataDir, records, { maxLost: 0, what });
      }
    },
  );

  it('loses what one table held when that is gone', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    const [table] = await messageTablesOf(join(folder.path, 'log'));
    await rm(table!);
    await expect(openTestStore(folder.path)).rejects.toThrow('midge db repair');
    const report = await repair(folder.path);
    expect(report.isLogWhole).toBe(false);
    expect(report.messageCount + report.missing.count).toBe(3_000);
    await expectAllBut(folder.path, records, lostSeqs(report));
  });

  it('leaves the damaged log as it was, and nothing else beside the new one', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    const [table] = await messageTablesOf(join(folder.path, 'log'));
    await truncate(table!, 100_000);
    await repair(folder.path);
    const kept = join(folder.path, 'damaged', 'log');
    expect((await readdir(kept)).toSorted()).toContain(basename(table!));
    expect((await stat(join(kept, basename(table!)))).size).toBe(100_000);
    expect((await readdir(folder.path)).toSorted()).toEqual(['damaged', 'index', 'log']);
  });

  it('does not bring back what was pruned when the log has lost its word of that', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    {
      await using store = await openTestStore(folder.path);
      await cutUpTo(store, 1_000);
      await sweepAll(store);
    }
    // Into a table of its own, with the next start.
    await withDatabase(join(folder.path, 'log'), () => Promise.resolve());
    const names = (await readdir(join(folder.path, 'log'))).filter((name) => name.endsWith('.ldb'));
    await rm(join(folder.path, 'log', names.toSorted().at(-1)!));
    const report = await repair(folder.path);
    expect(report).toMatchObject({ isLogWhole: false, missing: { count: 0 }, state: ['cut'] });
    await using store = await openTestStore(folder.path);
    expect(store).toMatchObject({ cutSeq: 1_000, messageCount: 2_000 });
    expect(hexes(await readAll(store))).toEqual(hexes(records.slice(1_000)));
  });

  it('of a log without the name of its list finds all, and the node does not begin another', async () => {
    await using folder = await aFolder();
    const { records } = await fill(folder.path);
    await rm(join(folder.path, 'log', 'CURRENT'));
    await expect(openTestStore(folder.path)).rejects.toThrow('midge db repair');
    expect((await repair(folder.path)).messageCount).toBe(3_000);
    await expectAllBut(folder.path, records, []);
  });

  it('of a log whose list of tables was cut loses nothing, and the node does not go by that list', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const closed = join(folder.path, 'closed');
    {
      await using store = await openTestStore(closed);
      for (let append = 0; append < 45; append++) {
        await store.append(grower.many(100, { dataBytes: 1_500 }));
      }
    }
    const name = (await readFile(join(closed, 'log', 'CURRENT'), 'utf8')).trim();
    const manifest = await readFile(join(closed, 'log', name));
    const tablesAt = (end: number): string =>
      [...(decodeManifest(manifest.subarray(0, end))?.tables.keys() ?? [])].join(' ');
    const cuts = new Map<string, number>();
    for (let cutAt = 0; cutAt < manifest.length; cutAt++) {
      cuts.set(tablesAt(cutAt), cutAt);
    }
    cuts.delete(tablesAt(manifest.length));
    expect(cuts.size).toBeGreaterThan(1);
    for (const cutAt of cuts.values()) {
      const dataDir = await copyOf(closed, join(folder.path, 'cut'));
      await truncate(join(dataDir, 'log', name), cutAt);
      await expect(openTestStore(dataDir)).rejects.toThrow('midge db repair');
      expect((await repair(dataDir)).messageCount).toBe(4_500);
      await expectAllBut(dataDir, grower.records, []);
    }
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
