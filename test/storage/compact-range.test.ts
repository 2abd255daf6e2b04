import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compactSeqs } from '../../src/storage/compact-range.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database } from '../../src/storage/database.ts';
import { messageKey, messageRange } from '../../src/storage/layout.ts';
import type { KeyRange } from '../../src/storage/layout.ts';
import { aFolder } from '../support/folder.ts';

const MiB = 1024 * 1024;
const messages = 40;
const rangeOf = (firstSeq: number, lastSeq: number): KeyRange =>
  messageRange(firstSeq, lastSeq + 1);

interface Watched {
  readonly db: Database;
  /** Asked for, from and to. */
  readonly ranges: (readonly [gte: Buffer, lt: Buffer])[];
}

/** 40 MiB in tables, and what LevelDB is asked to compact of it. */
async function openWatched(folder: string, onCompact: () => void): Promise<Watched> {
  const sizes = { cacheBytes: MiB, writeBufferBytes: MiB };
  const db = await openDatabase(join(folder, 'db'), sizes);
  for (let seq = 1; seq <= messages; seq++) await db.put(messageKey(seq), randomBytes(MiB));
  const ranges: [Buffer, Buffer][] = [];
  const compactRange = db.compactRange.bind(db);
  const watched = (gte: Buffer, lt: Buffer): Promise<void> => {
    ranges.push([gte, lt]);
    onCompact();
    return compactRange(gte, lt);
  };
  return { db: Object.assign(db, { compactRange: watched }), ranges };
}

describe('a long range', () => {
  it('is compacted some MiB at a time, and all of it', async () => {
    await using folder = await aFolder();
    const { db, ranges } = await openWatched(folder.path, () => undefined);
    await using _db = db;
    await compactSeqs({ db, stop: new AbortController().signal }, rangeOf, messages);
    expect(ranges.length).toBeGreaterThanOrEqual(3);
    expect(ranges.length).toBeLessThanOrEqual(5);
    expect(ranges[0]?.[0]).toEqual(messageKey(0));
    expect(ranges.at(-1)?.[1]).toEqual(messageKey(messages + 1));
    for (const [position, [, lt]] of ranges.slice(0, -1).entries()) {
      expect(ranges[position + 1]?.[0]).toEqual(lt);
    }
  });

  it('is left where it is when it is told to stop', async () => {
    await using folder = await aFolder();
    const stop = new AbortController();
    const { db, ranges } = await openWatched(folder.path, () => stop.abort());
    await using _db = db;
    await compactSeqs({ db, stop: stop.signal }, rangeOf, messages);
    expect(ranges).toHaveLength(1);
  });
});
