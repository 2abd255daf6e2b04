// Against LevelDB itself: whatever happens to a file, either it is found broken, or LevelDB loses only its end.
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUnbroken, lookForHoles } from '../../src/storage/write-ahead.ts';
import { aFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { withDatabase, writeAheadFiles } from './support.ts';

const batchCount = 60;

async function writeBatches(location: string, fromNumber: number): Promise<void> {
  await withDatabase(location, async (db) => {
    for (let number = fromNumber; number < fromNumber + batchCount; number++) {
      const batch = db
        .batch()
        .put(Buffer.of(number), randomBytes(number % 20 === 7 ? 70_000 : number * 37));
      if (number % 3 === 0) batch.put(Buffer.of(200), Buffer.of(number));
      await batch.write();
    }
  });
}

/**
 * Two write-ahead files, as a crash leaves them while LevelDB makes a table of the older one. Numbered
 * batches of many sizes, the largest longer than two blocks, half of them in each file.
 */
async function aDatabaseWithTwoFiles(folder: Folder): Promise<readonly [string, string]> {
  const location = join(folder.path, 'log');
  await writeBatches(location, 0);
  const before = join(folder.path, 'before');
  await cp(location, before, { recursive: true });
  await writeBatches(location, batchCount);
  const [newer] = await writeAheadFiles(location);
  const bytes = await readFile(newer!);
  await rm(location, { recursive: true });
  await rename(before, location);
  const [older] = await writeAheadFiles(location);
  await writeFile(newer!, bytes);
  return [older!, newer!];
}

async function numbersIn(location: string): Promise<number[]> {
  return withDatabase(location, async (db) => {
    const keys = await db.keys({ lt: Buffer.of(200) }).all();
    return keys.map((key) => key.readUInt8(0));
  });
}

const damages = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({
    kind: fc.constant('zeros' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    sizeBytes: fc.integer({ min: 1, max: 40_000 }),
  }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

type Damage = typeof damages extends fc.Arbitrary<infer T> ? T : never;

function damaged(file: Buffer, damage: Damage): Buffer {
  const at = Math.floor(damage.at * (file.length - 1));
  if (damage.kind === 'cut') return file.subarray(0, at);
  const copy = Buffer.from(file);
  if (damage.kind === 'zeros')
    return copy.fill(0, at, Math.min(file.length, at + damage.sizeBytes));
  copy[at] = copy.readUInt8(at) ^ 4;
  return copy;
}

describe('write-ahead files', () => {
  it('are unbroken as LevelDB wrote them, and when the end of the newer one is cut off', async () => {
    await using folder = await aFolder();
    const paths = await aDatabaseWithTwoFiles(folder);
    const [older, newer] = (await Promise.all(paths.map((path) => readFile(path)))) as [
      Buffer,
      Buffer,
    ];
    expect(isUnbroken([])).toBe(true);
    fc.assert(
      fc.property(fc.nat(newer.length), (at) => {
        expect(isUnbroken([older, newer.subarray(0, at)])).toBe(true);
      }),
      { numRuns: 50 },
    );
    expect(isUnbroken([older.subarray(0, older.length - 1), newer])).toBe(false);
    expect(isUnbroken([Buffer.of(), newer])).toBe(false);
    expect(await numbersIn(join(folder.path, 'log'))).toHaveLength(2 * batchCount);
  });

  it('are called unbroken only if LevelDB loses nothing before their end', async () => {
    await using folder = await aFolder();
    const paths = await aDatabaseWithTwoFiles(folder);
    const files = await Promise.all(paths.map((path) => readFile(path)));
    const copy = join(folder.path, 'copy');
    let unbrokenCount = 0;
    await fc.assert(
      fc.asyncProperty(damages, fc.constantFrom(0, 1), async (damage, which) => {
        const after = files.map((file, at) => (at === which ? damaged(file, damage) : file));
        fc.pre(isUnbroken(after));
        unbrokenCount += 1;
        await cp(join(folder.path, 'log'), copy, { recursive: true });
        for (const [at, path] of paths.entries()) {
          await writeFile(join(copy, basename(path)), after[at]!);
        }
        const numbers = await numbersIn(copy);
        await rm(copy, { recursive: true });
        expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, number) => number));
      }),
      { numRuns: 40, maxSkipsPerRun: 20 },
    );
    expect(unbrokenCount).toBe(40);
  });
});

describe('a suspicion of holes', () => {
  it('is noted until it is forgotten, also when the files look whole again', async () => {
    await using folder = await aFolder();
    const [path] = await aDatabaseWithTwoFiles(folder);
    expect((await lookForHoles(folder.path)).areSuspected).toBe(false);
    const file = await readFile(path);
    await writeFile(path, file.fill(0, 50_000, 54_096));
    expect((await lookForHoles(folder.path)).areSuspected).toBe(true);

    const found = await numbersIn(join(folder.path, 'log'));
    expect(found.length).toBeLessThan(2 * batchCount);
    const report = await lookForHoles(folder.path);
    expect(report.areSuspected).toBe(true);
    await report.forget();
    expect((await lookForHoles(folder.path)).areSuspected).toBe(false);
  });

  it('falls on two files of which the older one has lost whole batches at its end', async () => {
    await using folder = await aFolder();
    const [path] = await aDatabaseWithTwoFiles(folder);
    const file = await readFile(path);
    // The second batch begins where the first one ends: 7 bytes of head, then the length that it says.
    await writeFile(path, file.subarray(0, 7 + file.readUInt16LE(4)));
    expect((await lookForHoles(folder.path)).areSuspected).toBe(true);
  });

  it('does not fall on a file that goes while one looks', async () => {
    await using folder = await aFolder();
    await mkdir(join(folder.path, 'log'));
    await symlink('gone', join(folder.path, 'log', '000007.log'));
    expect((await lookForHoles(folder.path)).areSuspected).toBe(false);
  });

  it('does not fall on a folder that is not there', async () => {
    expect((await lookForHoles('/nowhere/at/all')).areSuspected).toBe(false);
  });
});
