import { readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest } from '../../src/storage/manifest.ts';
import { findCutTable } from '../../src/storage/tables.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, openTestStore } from './support.ts';

/** A log with tables of several compactions, in two lives. */
async function fill(dataDir: string): Promise<string> {
  const grower = new Grower();
  for (let life = 0; life < 2; life++) {
    await using store = await openTestStore(dataDir);
    for (let append = 0; append < 40; append++) {
      await store.append(grower.many(100, { dataBytes: 1_500 }));
    }
    await store.cut({ upToSeq: 1_000 * (life + 1) });
  }
  return join(dataDir, 'log');
}

describe('the tables of a database', () => {
  it('have the sizes that its manifest tells', async () => {
    await using folder = await aFolder();
    const log = await fill(folder.path);
    const names = (await readdir(log)).filter((name) => name.endsWith('.ldb'));
    expect(names.length).toBeGreaterThan(1);
    const manifest = (await readFile(join(log, 'CURRENT'), 'utf8')).trim();
    const list = decodeManifest(await readFile(join(log, manifest)))!;
    expect(decodeManifest(encodeManifest(list))).toEqual(list);
    const { tables } = list;
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(log, name))).size));
    const numbers = names.map((name) => parseInt(name, 10));
    for (const [number, { sizeBytes }] of tables) {
      expect(sizes[numbers.indexOf(number)]).toBe(sizeBytes);
    }
    expect(tables.size).toBeGreaterThan(1);
    expect(await findCutTable(log)).toBeUndefined();
  });

  it.each(['cut', 'missing'])('are told apart when one is %s', async (how) => {
    await using folder = await aFolder();
    const log = await fill(folder.path);
    const manifest = (await readFile(join(log, 'CURRENT'), 'utf8')).trim();
    const [number] = [...decodeManifest(await readFile(join(log, manifest)))!.tables.keys()];
    const name = `${String(number).padStart(6, '0')}.ldb`;
    const { size } = await stat(join(log, name));
    await (how === 'cut' ? truncate(join(log, name), size - 1) : rm(join(log, name)));
    expect(await findCutTable(log)).toBe(name);
    await expect(openTestStore(folder.path)).rejects.toThrow(name);
  });

  it('of an index that lost one are made again', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    const index = join(folder.path, 'index');
    const manifest = (await readFile(join(index, 'CURRENT'), 'utf8')).trim();
    const [number] = [...decodeManifest(await readFile(join(index, manifest)))!.tables.keys()];
    await truncate(join(index, `${String(number).padStart(6, '0')}.ldb`), 100);
    {
      await using store = await openTestStore(folder.path);
      expect(store.messageCount).toBe(6_000);
    }
    // Closed: an open one compacts tables away meanwhile.
    expect(await findCutTable(index)).toBeUndefined();
  });

  it('are not judged where the manifest is damaged: that LevelDB tells itself', async () => {
    await using folder = await aFolder();
    const log = await fill(folder.path);
    const path = join(log, (await readFile(join(log, 'CURRENT'), 'utf8')).trim());
    const manifest = await readFile(path);
    expect(decodeManifest(manifest.fill(0, 20, 21))).toBeUndefined();
    await writeFile(path, manifest);
    expect(await findCutTable(log)).toBeUndefined();
  });
});
