// Reads what can be read of a database with damaged tables. LevelDB goes on behind a block that it cannot read,
// but throws away the page of entries in which it notices.
import { ClassicLevel } from 'classic-level';
import { damagedFiles, isCorruption, isLocked } from './database.ts';
import type { Database, OpenDatabase } from './database.ts';
import type { KeyRange } from './layout.ts';

const pageSize = 512;

export interface SalvageReport {
  /** LevelDB could not read some of its blocks or tables. */
  isUnreadable: boolean;
}

type Entry = readonly [key: Buffer, value: Buffer];

/** All entries of a range that can be read, in the order of their keys. */
export async function* salvage(
  db: Database,
  range: KeyRange,
  report: SalvageReport,
): AsyncGenerator<readonly Entry[], void, undefined> {
  let afterKey: Buffer | undefined;
  for (const size of [pageSize, 1]) {
    const from = afterKey === undefined ? { gte: range.gte } : { gt: afterKey };
    await using walk = db.iterator({ ...from, lt: range.lt });
    for (;;) {
      // What one page of one entry throws away is nothing.
      const page = await walk.nextv(size).catch((error: unknown) => {
        if (!isCorruption(error)) throw error;
        report.isUnreadable = true;
      });
      if (page === undefined) break;
      if (page.length === 0) return;
      yield page;
      afterKey = page.at(-1)?.[0];
    }
  }
}

/** Undefined also for what cannot be read. */
export async function salvageOne(
  db: Database,
  key: Buffer,
  report: SalvageReport,
): Promise<Buffer | undefined> {
  try {
    return await db.get(key);
  } catch (error) {
    if (!isCorruption(error)) throw error;
    report.isUnreadable = true;
    return undefined;
  }
}

/**
 * Opens a database; one that LevelDB cannot open is first put together again from the files that it can
 * read, the others go to its folder `lost`. Throws what else keeps it from opening.
 */
export async function openDamaged(
  location: string,
  open: (location: string) => ReturnType<OpenDatabase>,
): Promise<{ readonly db: Database; readonly isPutTogether: boolean }> {
  try {
    return { db: await open(location), isPutTogether: false };
  } catch (error) {
    if (isLocked(error) || !isCorruption(error)) throw error;
  }
  await ClassicLevel.repair(location);
  try {
    return { db: await open(location), isPutTogether: true };
  } catch (error) {
    throw isCorruption(error) ? damagedFiles(location, error) : error;
  }
}
