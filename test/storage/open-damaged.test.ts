// Databases of LevelDB with damaged tables: what is left of these is read by LevelDB again, in its own order of changes.
import { randomBytes, randomInt } from 'node:crypto';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { decodeManifest } from '../../src/storage/manifest.ts';
import { openDamaged, putBackProven } from '../../src/storage/open-damaged.ts';
import { aFolder } from '../support/folder.ts';
import { readTable, tablesOf, withDatabase } from './support.ts';

const sizes = { cacheBytes: 1 << 20, writeBufferBytes: 1 << 20 };
const everything = { gte: Buffer.of(), lt: Buffer.alloc(80, 0xff) };
const keyOf = (at: number): Buffer => Buffer.from(`key ${String(at).padStart(6, '0')}`);

const opened = (location: string, workFolder: string) =>
  openDamaged({ location, workFolder, open: (path) => openDatabase(path, sizes) });

/** In a table of its own. Undefined deletes. */
async function write(
  location: string,
  range: readonly [from: number, to: number],
  valueOf: (at: number) => Buffer | undefined,
): Promise<void> {
  await withDatabase(location, async (db) => {
    const batch = db.batch();
    for (let at = range[0]; at < range[1]; at++) {
      const value = valueOf(at);
      if (value === undefined) batch.del(keyOf(at));
      else batch.put(keyOf(at), value);
    }
    await batch.write();
  });
  // What is in the write-ahead file becomes a table with the next start.
  await withDatabase(location, () => Promise.resolve());
}

async function filesOf(location: string): Promise<Map<string, string>> {
  const names = (await readdir(location)).filter((name) => name.endsWith('.ldb'));
  const files = names.map(async (name): Promise<[string, string]> => {
    return [name, (await readFile(join(location, name))).toString('latin1')];
  });
  return new Map(await Promise.all(files));
}

async function readAll(location: string, workFolder: string): Promise<Map<string, string>> {
  await using damaged = await opened(location, workFolder);
  expect(damaged.isMended).toBe(true);
  const entries = await damaged.db.iterator(everything).all();
  const some = entries[randomInt(entries.length)]!;
  expect(await damaged.db.get(some[0])).toEqual(some[1]);
  return new Map(entries.map(([key, value]) => [key.toString(), value.toString('latin1')]));
}

const packable = (at: number): Buffer => Buffer.from(`value ${at % 10} `.repeat(20));
const unpackable = (): Buffer => randomBytes(200);

describe('a damaged database', () => {
  it('that is none is opened as it is', async () => {
    await using folder = await aFolder();
    const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
    await write(location, [0, 2_000], packable);
    {
      await using whole = await opened(location, work);
      expect(whole).toMatchObject({ isMended: false, damaged: [] });
      expect(await whole.db.get(keyOf(7))).toEqual(packable(7));
    }
    expect(await readdir(folder.path)).toEqual(['db']);
  });

  it.each([
    ['packed', packable],
    ['plain', unpackable],
  ])('has all whole blocks of a table that is cut, and stays as it is: %s', async (_, valueOf) => {
    await using folder = await aFolder();
    const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
    await write(location, [0, 4_000], valueOf);
    const [first] = await tablesOf(location);
    const { table, bytes, blocks } = await readTable(first!);
    const all = [...(await withDatabase(location, (db) => db.iterator(everything).all()))];
    for (const cutAt of [bytes.length - 1, bytes.length - 60, randomInt(9_000, bytes.length)]) {
      await writeFile(table, bytes.subarray(0, cutAt));
      const before = await filesOf(location);
      const read = await readAll(location, work);
      expect(await filesOf(location)).toEqual(before);
      const end = blocks.findLast(({ endsAt }) => endsAt <= cutAt)!.lastFullKey.subarray(0, -8);
      const expected = all.filter(([key]) => Buffer.compare(key, end) <= 0);
      expect([...read.keys()]).toEqual(expected.map(([key]) => key.toString()));
      for (const [key, value] of expected) {
        expect(read.get(key.toString())).toBe(value.toString('latin1'));
      }
    }
  });

  it('does not bring back what a damaged table deletes, nor older values of what it has', async () => {
    await using folder = await aFolder();
    const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
    await write(location, [0, 3_000], unpackable);
    await write(location, [0, 3_000], (at) => (at % 2 ? undefined : Buffer.from(`new ${at}`)));
    const newest = (await tablesOf(location)).at(-1)!;
    const bytes = await readFile(newest);
    await writeFile(newest, bytes.subarray(0, bytes.length - 50));
    const read = await readAll(location, work);
    expect(read.size).toBe(1_500);
    expect(read.get('key 000008')).toBe('new 8');
    expect(read.has('key 000009')).toBe(false);
  });

  it.each(['gone', 'empty', 'nothing but zeros'])(
    'has all of the others where a table is %s',
    async (how) => {
      await using folder = await aFolder();
      const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
      for (let part = 0; part < 3; part++) {
        await write(location, [part * 1_000, part * 1_000 + 1_000], unpackable);
      }
      const [, table] = await tablesOf(location);
      const { length } = await readFile(table!);
      await (how === 'gone'
        ? rm(table!)
        : writeFile(table!, Buffer.alloc(how === 'empty' ? 0 : length)));
      const read = await readAll(location, work);
      expect(read.size).toBe(2_000);
      expect(read.has('key 001500')).toBe(false);
    },
  );

  it('is put together again without its list, of cut tables too', async () => {
    await using folder = await aFolder();
    const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
    for (let part = 0; part < 3; part++) {
      await write(location, [part * 1_000, part * 1_000 + 1_000], unpackable);
    }
    const [table] = await tablesOf(location);
    const bytes = await readFile(table!);
    await writeFile(table!, bytes.subarray(0, bytes.length - 10));
    for (const name of await readdir(location)) {
      if (/^(CURRENT|MANIFEST)/.test(name)) await rm(join(location, name));
    }
    expect((await readAll(location, work)).size).toBe(3_000);
  });

  it('is not read by an older list than it has tables', async () => {
    await using folder = await aFolder();
    const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
    await write(location, [0, 1_000], unpackable);
    const name = (await readFile(join(location, 'CURRENT'), 'utf8')).trim();
    const older = await readFile(join(location, name));
    expect(decodeManifest(older)?.tables.size).toBe(1);
    await write(location, [1_000, 2_000], unpackable);
    await rm((await tablesOf(location))[0]!);
    await rm(join(location, (await readFile(join(location, 'CURRENT'), 'utf8')).trim()));
    await writeFile(join(location, name), older);
    await writeFile(join(location, 'CURRENT'), `${name}\n`);
    expect((await readAll(location, work)).size).toBe(1_000);
  });

  it('has what is proven of damaged blocks, but not where something is there', async () => {
    await using folder = await aFolder();
    const [location, work] = [join(folder.path, 'db'), join(folder.path, 'work')];
    await write(location, [0, 100], unpackable);
    const [first] = await tablesOf(location);
    const { table, bytes, blocks } = await readTable(first!);
    // In the value of the last entry of a block, before its list of places and the trailer.
    const at = blocks[1]!.endsAt - 50;
    bytes[at] = bytes.readUInt8(at) ^ 1;
    await writeFile(table, bytes);
    await using damaged = await opened(location, work);
    const before = await damaged.db.keys(everything).all();
    expect(before.length).toBeLessThan(100);
    await damaged.db.put(keyOf(99), Buffer.from('newer'));
    const asked: string[] = [];
    await putBackProven(damaged, (key) => asked.push(key.toString()) > 1);
    const after = await damaged.db.keys(everything).all();
    expect(asked.length).toBe(100 - before.length);
    expect(after.map(String)).not.toContain(asked[0]);
    expect(after.length).toBe(99);
    expect(await damaged.db.get(keyOf(99))).toEqual(Buffer.from('newer'));
    expect(before.map(String)).not.toContain(asked.at(-1));
    expect(after.map(String)).toContain(asked.at(-1));
  });

  it('whose list of tables is gone is not taken for a new one', async () => {
    await using folder = await aFolder();
    const location = join(folder.path, 'db');
    await write(location, [0, 100], unpackable);
    await rm(join(location, 'CURRENT'));
    const before = await filesOf(location);
    await expect(openDatabase(location, sizes)).rejects.toThrow('CURRENT is missing');
    expect(await filesOf(location)).toEqual(before);
  });
});
