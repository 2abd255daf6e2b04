// Tables that LevelDB itself wrote, cut and damaged at random places: found is all that is whole, and LevelDB reads it
// again when it has a new end.
import { randomBytes, randomInt } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blockAt, keyOfFull, maxBlockBytes } from '../../src/storage/table-block.ts';
import type { Entry } from '../../src/storage/table-block.ts';
import { examineTable, footerBytes, looseEntries } from '../../src/storage/table-file.ts';
import type { Examined } from '../../src/storage/table-file.ts';
import { mutations } from '../fuzz/mutations.ts';
import { aFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { withDatabase } from './support.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 100);
const ofUnpackable = (size: number): Buffer => randomBytes(size);
const ofPackable = (size: number): Buffer =>
  Buffer.from('the same again, '.repeat(size)).subarray(0, size);

let folder: Folder;
/** One table each: with blocks that LevelDB packs, with others, of many small entries, and of few large ones. */
const tables: { readonly path: string; readonly bytes: Buffer; readonly entries: string[] }[] = [];

async function aTable(
  name: string,
  count: number,
  valueOf: (at: number) => Buffer,
): Promise<(typeof tables)[number]> {
  const location = join(folder.path, name);
  const entries: string[] = [];
  await withDatabase(location, async (db) => {
    const batch = db.batch();
    for (let at = 1; at <= count; at++) {
      const key = Buffer.alloc(9 + (at % 3) * 20, 1);
      key.writeUInt32BE(at * 7, 4);
      const value = valueOf(at);
      batch.put(key, value);
      entries.push(told(key, value));
    }
    await batch.write();
    await db.compactRange(Buffer.of(0), Buffer.of(9));
  });
  const [file] = (await readdir(location)).filter((found) => found.endsWith('.ldb'));
  const path = join(location, file!);
  return { path, bytes: await readFile(path), entries };
}

function told(key: Buffer, value: Buffer): string {
  return `${key.toString('hex')} ${value.toString('latin1')}`;
}

const toldAll = (entries: readonly Entry[]): string[] =>
  entries.map(({ fullKey, value }) => told(keyOfFull(fullKey), value));

beforeAll(async () => {
  folder = await aFolder();
  tables.push(
    await aTable('packed', 600, (at) => ofPackable(at % 700)),
    await aTable('plain', 600, (at) => ofUnpackable(at % 700)),
    await aTable('small', 3_000, (at) => Buffer.from(String(at))),
    await aTable('large', 12, () => ofUnpackable(32 * 1024)),
    await aTable('mixed', 400, (at) => (at % 2 ? ofPackable : ofUnpackable)(at % 3 ? 90 : 5_000)),
  );
});

afterAll(() => folder[Symbol.asyncDispose]());

/** How many entries end before the end of the bytes, as far as their values stand there as they are. */
function countPlain(bytes: Buffer, entries: readonly string[]): number {
  let [count, from] = [0, 0];
  for (const [position, entry] of entries.entries()) {
    const value = Buffer.from(entry.slice(entry.indexOf(' ') + 1), 'latin1');
    const at = value.length < 100 ? -1 : bytes.indexOf(value, from);
    if (at < 0) continue;
    count = position + 1;
    from = at + value.length;
  }
  return count;
}

/** What the blocks hold that were found. */
function entriesIn(bytes: Buffer, { blocks }: Examined): string[] {
  return blocks.flatMap(({ at, endsAt }) => {
    const { block } = blockAt(bytes.subarray(at, at + maxBlockBytes));
    expect(block?.sizeBytes).toBe(endsAt - at);
    return toldAll(block?.entries ?? []);
  });
}

async function examined(bytes: Uint8Array, writtenBytes?: number): Promise<Examined> {
  const path = join(folder.path, 'examined');
  await writeFile(path, bytes);
  return examineTable(path, writtenBytes);
}

async function looseIn(bytes: Buffer, { damaged }: Examined): Promise<string[]> {
  const path = join(folder.path, 'loose');
  await writeFile(path, bytes);
  const found: string[] = [];
  for await (const entries of looseEntries(path, damaged)) {
    found.push(...toldAll(entries));
  }
  return found;
}

describe('a table of LevelDB', () => {
  it('is whole, and its blocks hold all that was written', async () => {
    for (const { path, bytes, entries } of tables) {
      const whole = await examineTable(path, bytes.length);
      expect(whole).toMatchObject({ isWhole: true, damaged: [] });
      expect(entriesIn(bytes, whole)).toEqual(entries);
    }
  });

  it('without its end is found block by block, its index not taken for one of them', async () => {
    for (const { path, bytes, entries } of tables) {
      const byIndex = await examineTable(path, bytes.length);
      const found = await examined(bytes.subarray(0, -footerBytes), bytes.length);
      expect(found.isWhole).toBe(false);
      expect(entriesIn(bytes, found)).toEqual(entries);
      expect(found.blocks.length).toBe(byIndex.blocks.length);
    }
  });

  it('cut anywhere has all that lies before the cut', async () => {
    for (const { path, bytes, entries } of tables) {
      const whole = await examineTable(path, bytes.length);
      for (let times = 0; times < 20; times++) {
        const cutAt = randomInt(bytes.length);
        const cut = bytes.subarray(0, cutAt);
        const found = await examined(cut, bytes.length);
        const expected = whole.blocks.filter(({ endsAt }) => endsAt <= cutAt);
        expect(found.blocks.map(({ at }) => at)).toEqual(expected.map(({ at }) => at));
        // The block that was cut has the next ones.
        const all = [...entriesIn(bytes, found), ...(await looseIn(cut, found))];
        expect(entries.slice(0, all.length)).toEqual(all);
        expect(all.length, `cut at ${cutAt}`).toBeGreaterThanOrEqual(countPlain(cut, entries));
      }
    }
  });

  it('with damage in the middle has the blocks on both sides, with its index and without', async () => {
    for (const { path, bytes, entries } of tables) {
      const whole = await examineTable(path, bytes.length);
      for (const sizeBytes of [bytes.length, bytes.length - 1]) {
        const hit = whole.blocks[randomInt(whole.blocks.length)]!;
        const damaged = Buffer.from(bytes.subarray(0, sizeBytes));
        const at = randomInt(hit.at, hit.endsAt);
        damaged[at] = damaged.readUInt8(at) ^ 0xff;
        const found = await examined(damaged, bytes.length);
        const others = whole.blocks.filter((block) => block !== hit);
        expect(found.isWhole).toBe(false);
        expect(found.blocks.map((block) => block.at)).toEqual(others.map((block) => block.at));
        const all = new Set(entries);
        expect(entriesIn(bytes, found).every((entry) => all.has(entry))).toBe(true);
      }
    }
  });

  it('with damage in its filter, its index or its footer is not whole, and has all blocks', async () => {
    for (const { path, bytes, entries } of tables) {
      const { blocks } = await examineTable(path, bytes.length);
      const dataEnd = blocks.at(-1)!.endsAt;
      // The last bytes of the footer are read by nobody but for the number at its end.
      for (let times = 0; times < 20; times++) {
        const at = randomInt(dataEnd, bytes.length - footerBytes);
        const damaged = Buffer.from(bytes);
        damaged[at] = damaged.readUInt8(at) ^ (1 << randomInt(8));
        const found = await examined(damaged, bytes.length);
        expect(found.isWhole, `damaged at ${at}`).toBe(false);
        expect(entriesIn(bytes, found)).toEqual(entries);
      }
    }
  });
});

describe('whatever a file holds', () => {
  it('is looked at without an error, and what is found proves itself', async () => {
    const seeds = tables.map(({ bytes }) => bytes.subarray(-30_000));
    const random = fc.uint8Array({ maxLength: 20_000, size: 'max' });
    const cut = fc
      .tuple(fc.constantFrom(...seeds), fc.nat(30_000), mutations)
      .map(([bytes, from, changes]) =>
        changes.reduce<Uint8Array>((all, change) => change(all), bytes.subarray(from)),
      );
    await fc.assert(
      fc.asyncProperty(fc.oneof(random, cut), fc.option(fc.nat(40_000)), async (file, written) => {
        const bytes = Buffer.from(file);
        const found = await examined(bytes, written ?? undefined);
        let at = 0;
        for (const block of [...found.blocks, ...found.damaged].toSorted((a, b) => a.at - b.at)) {
          expect(block.at).toBeGreaterThanOrEqual(at);
          at = block.endsAt;
        }
        expect(at).toBeLessThanOrEqual(bytes.length);
        await looseIn(bytes, found);
      }),
      { numRuns: runs },
    );
  });

  it('is looked at no longer than it is large', async () => {
    // Each place looks like the beginning of a block, and none is one.
    const entry = Buffer.from([0, 9, 1, ...Buffer.alloc(9, 1), 0]);
    const packed = Buffer.from([0x80, 0x80, 0x04, 0xf4, 0xff, 0xff]);
    for (const begin of [entry, packed, Buffer.of(0), Buffer.of(0xff)]) {
      const file = Buffer.alloc(300_000, begin);
      expect((await examined(file)).blocks).toEqual([]);
    }
  });
});
