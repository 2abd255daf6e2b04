// Against LevelDB itself: whatever happens to a file, either it is found broken, or LevelDB loses only its end.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUnbroken, lookForHoles } from '../../src/storage/write-ahead.ts';
import { aFolder, copyOf, withDatabase, writeAheadFiles } from './support.ts';
import type { Folder } from './support.ts';

const batchCount = 60;

/** Numbered batches of many sizes, the largest longer than two blocks. */
async function aDatabaseWithBatches(folder: Folder): Promise<string> {
  const location = join(folder.path, 'log');
  await withDatabase(location, async (db) => {
    for (let number = 0; number < batchCount; number++) {
      const batch = db.batch();
      batch.put(Buffer.of(number), Buffer.alloc(number % 20 === 7 ? 70_000 : number * 37, number));
      await batch.write();
    }
  });
  return location;
}

async function numbersIn(location: string): Promise<number[]> {
  return withDatabase(location, async (db) => {
    const keys = await db.keys().all();
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

describe('a write-ahead file', () => {
  it('is unbroken as LevelDB wrote it, and when its end is cut off', async () => {
    await using folder = await aFolder();
    const [path] = await writeAheadFiles(await aDatabaseWithBatches(folder));
    const file = await readFile(path!);
    fc.assert(
      fc.property(fc.nat(file.length), (at) => {
        expect(isUnbroken(file.subarray(0, at))).toBe(true);
      }),
    );
  });

  it('is called unbroken only if LevelDB loses nothing before its end', async () => {
    await using folder = await aFolder();
    const location = await aDatabaseWithBatches(folder);
    const [path] = await writeAheadFiles(location);
    const file = await readFile(path!);
    let brokenCount = 0;
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        const bytes = damaged(file, damage);
        const isWhole = isUnbroken(bytes);
        brokenCount += isWhole ? 0 : 1;
        if (!isWhole) return;
        await copyOf(folder.path, `${folder.path}-copy`);
        await writeFile(path!.replace(folder.path, `${folder.path}-copy`), bytes);
        const numbers = await numbersIn(join(`${folder.path}-copy`, 'log'));
        expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, number) => number));
      }),
      { numRuns: 120 },
    );
    expect(brokenCount).toBeGreaterThan(20);
  });
});

describe('a suspicion of holes', () => {
  it('is noted until it is forgotten, also when the files look whole again', async () => {
    await using folder = await aFolder();
    const location = await aDatabaseWithBatches(folder);
    expect((await lookForHoles(folder.path)).areSuspected).toBe(false);
    const [path] = await writeAheadFiles(location);
    const file = await readFile(path!);
    await writeFile(path!, Buffer.from(file).fill(0, 50_000, 54_096));
    expect((await lookForHoles(folder.path)).areSuspected).toBe(true);

    expect((await numbersIn(location)).length).toBeLessThan(batchCount);
    const report = await lookForHoles(folder.path);
    expect(report.areSuspected).toBe(true);
    await report.forget();
    expect((await lookForHoles(folder.path)).areSuspected).toBe(false);
  });

  it('falls on two files, because the older one may lack its end', async () => {
    await using folder = await aFolder();
    const [path] = await writeAheadFiles(await aDatabaseWithBatches(folder));
    await writeFile(path!.replace(/\d+\.log$/, '000099.log'), '');
    expect((await lookForHoles(folder.path)).areSuspected).toBe(true);
  });

  it('does not fall on a folder that is not there', async () => {
    expect((await lookForHoles('/nowhere/at/all')).areSuspected).toBe(false);
  });
});
