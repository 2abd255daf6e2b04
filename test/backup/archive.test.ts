// Pruned messages in files: written before the cut moves, read back, recognised when they come twice.
import { appendFile, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { byId, byIndexKey, searchArchive } from '../../src/backup/archive-read.ts';
import { Archive } from '../../src/backup/archive.ts';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import type { StoredMessage } from '../../src/storage/store.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';
import { Grower, aRecord, network, openTestStore } from '../storage/support.ts';

const mayMount = await canMount();

interface Wish {
  readonly maxFileBytes?: number;
  readonly logId?: () => string;
}

function openArchive(folder: string, { logId = () => 'aa'.repeat(16), ...wish }: Wish = {}) {
  return Archive.open(
    { folder, network, ...wish },
    { logId, now: () => 1_700_000_000_000, log: silentLogger },
  );
}

function stored(count: number, fromSeq = 1, index = 'kept'): StoredMessage[] {
  return Array.from({ length: count }, (_, at) => ({
    ...aRecord({ index, dataBytes: 200 }),
    seq: fromSeq + at,
  }));
}

const hexes = (records: readonly { readonly id: Uint8Array }[]): string[] =>
  records.map(({ id }) => messageIdHex(id));
const keyHex = (key: string): string => Buffer.from(key).toString('hex');
const search = (folder: string, index = 'kept', limit = 1_000) =>
  searchArchive(folder, byIndexKey(keyHex(index)), { limit });

describe('an archive', () => {
  it('gives back what was pruned, by id and by index key', async () => {
    await using folder = await aFolder();
    const path = join(folder.path, 'deep', 'archive');
    const records = [...stored(30), ...stored(5, 31, 'other')];
    {
      await using archive = await openArchive(path);
      await archive.append(records.slice(0, 20));
      await archive.append(records.slice(20));
      expect(archive.failure).toBeUndefined();
    }
    const byKey = await search(path);
    expect(hexes(byKey.messages)).toEqual(hexes(records.slice(0, 30)));
    expect(byKey).toMatchObject({ count: 30, damaged: [] });
    const newest = await search(path, 'kept', 3);
    expect(hexes(newest.messages)).toEqual(hexes(records.slice(27, 30)));
    expect(newest.count).toBe(30);
    const one = await searchArchive(path, byId(messageIdHex(records[33]!.id)), { limit: 1 });
    expect(one.messages[0]).toMatchObject({ seq: 34, arrivalMs: records[33]!.arrivalMs });
    expect((await search(path, 'nothing')).count).toBe(0);
    await expect(search(join(path, 'none'))).rejects.toThrow('There is no archive in');
  });

  it('leaves out a message that is damaged, and is read to its end', async () => {
    await using folder = await aFolder();
    const records = stored(9);
    const damaged = records.map((record, at) => {
      // One that can still be read as a message, and one that cannot.
      if (at !== 3 && at !== 5) return record;
      const bytes = Buffer.from(record.bytes);
      bytes.fill(0xff, at === 3 ? 40 : bytes.length - 20);
      return { ...record, bytes };
    });
    {
      await using archive = await openArchive(folder.path);
      await archive.append(damaged);
    }
    const { messages, damaged: files } = await search(folder.path);
    expect(hexes(messages)).toEqual(hexes(records).filter((_, at) => at !== 3 && at !== 5));
    expect(files).toEqual([]);
  });

  it('begins another file when one is large enough, in the order of time and number', async () => {
    await using folder = await aFolder();
    const records = stored(40);
    {
      await using archive = await openArchive(folder.path, { maxFileBytes: 3_000 });
      for (let from = 0; from < 40; from += 5) await archive.append(records.slice(from, from + 5));
    }
    const names = (await readdir(folder.path)).toSorted();
    expect(names.length).toBeGreaterThan(2);
    expect(names[0]).toBe('20231114T221320Z-1.midge-archive');
    for (const name of names) {
      expect((await stat(join(folder.path, name))).size).toBeLessThan(3_000 + 5 * 400);
    }
    expect((await search(folder.path)).count).toBe(40);
  });

  it('knows a slice that comes twice, in one file or in two, by its numbers', async () => {
    await using folder = await aFolder();
    const records = stored(20);
    {
      await using archive = await openArchive(folder.path);
      await archive.append(records.slice(0, 10));
      await archive.append(records.slice(5, 15));
    }
    {
      await using archive = await openArchive(folder.path);
      await archive.append(records.slice(10, 20));
    }
    expect(await readdir(folder.path)).toHaveLength(2);
    const { messages, count } = await search(folder.path);
    expect(count).toBe(20);
    expect(hexes(messages)).toEqual(hexes(records));
  });

  it('that a crash cut off counts as far as it goes, and is not written behind', async () => {
    await using folder = await aFolder();
    const records = stored(20);
    {
      await using archive = await openArchive(folder.path);
      await archive.append(records.slice(0, 10));
    }
    const [name] = await readdir(folder.path);
    await appendFile(join(folder.path, name!), Buffer.of(4, 0, 1));
    {
      await using archive = await openArchive(folder.path);
      await archive.append(records.slice(10));
    }
    expect(await search(folder.path)).toMatchObject({ count: 20, damaged: [] });
  });

  it('with a damaged file says which, and goes on with the next one', async () => {
    await using folder = await aFolder();
    const records = stored(20);
    for (const from of [0, 10]) {
      await using archive = await openArchive(folder.path);
      await archive.append(records.slice(from, from + 10));
    }
    const [name] = (await readdir(folder.path)).toSorted();
    const path = join(folder.path, name!);
    const file = await readFile(path);
    file[file.length - 5] = file.readUInt8(file.length - 5) ^ 1;
    await writeFile(path, file);
    const { count, damaged } = await search(folder.path);
    expect(count).toBe(10);
    expect(damaged).toEqual([{ name, reason: expect.stringContaining('damaged') as string }]);
  });

  it('that belongs to several logs keeps equal numbers apart', async () => {
    await using folder = await aFolder();
    let logId = 'aa'.repeat(16);
    {
      await using archive = await openArchive(folder.path, { logId: () => logId });
      await archive.append(stored(10));
      logId = 'bb'.repeat(16);
      await archive.append(stored(10));
    }
    expect((await search(folder.path)).count).toBe(20);
  });
});

describe('a store whose archive', () => {
  it('is written loses nothing: each message is in the one or in the other', async () => {
    await using folder = await aFolder();
    const path = join(folder.path, 'archive');
    const grower = new Grower();
    await using store = await openTestStore(folder.path);
    await using archive = await openArchive(path, { logId: () => store.logId });
    await store.append(grower.many(100, { index: 'kept' }));
    await store.cut({ upToSeq: 60, before: archive.append });
    expect(store.cutSeq).toBe(60);
    const { messages } = await search(path);
    expect(hexes(messages)).toEqual(hexes(grower.records.slice(0, 60)));
  });

  it('cannot be written keeps its messages, says so, and goes on when it can', async () => {
    await using folder = await aFolder();
    const path = join(folder.path, 'archive');
    await using store = await openTestStore(folder.path);
    await using archive = await openArchive(path, { logId: () => store.logId });
    await store.append(new Grower().many(100, { index: 'kept' }));
    await rm(path, { recursive: true });
    const cut = () => store.cut({ upToSeq: 60, before: archive.append });
    await expect(cut()).rejects.toMatchObject({ code: 'ARCHIVE_FAILED' });
    expect(store).toMatchObject({ cutSeq: 0, messageCount: 100 });
    expect(archive.failure).toContain('so nothing is pruned');
    await using again = await openArchive(path, { logId: () => store.logId });
    expect(again.failure).toBeUndefined();
    await cut();
    expect(archive.failure).toBeUndefined();
    expect(store.cutSeq).toBe(60);
  });

  it.skipIf(!mayMount)('runs full (needs the right to mount a tmpfs) loses nothing', async () => {
    await using place = await aFolder();
    using disk = mountTmpfs(place.path, 1);
    expect(disk).toBeDefined();
    const big = Array.from({ length: 40 }, (_, at) => ({
      ...aRecord({ index: 'kept', dataBytes: 30_000 }),
      seq: at + 1,
    }));
    await using archive = await openArchive(place.path);
    await writeFile(join(place.path, 'filler'), Buffer.alloc(600_000));
    await expect(archive.append(big)).rejects.toMatchObject({ code: 'ARCHIVE_FAILED' });
    await rm(join(place.path, 'filler'));
    await archive.append(big.slice(0, 10));
    expect((await search(place.path)).count).toBeGreaterThanOrEqual(10);
    expect(archive.failure).toBeUndefined();
  });
});
