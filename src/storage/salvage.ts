// Reads what can be read of a database with damaged tables. LevelDB goes on behind a block that it cannot read,
// but throws away the page of entries in which it notices.
import { isCorruption } from './database.ts';
import type { Database } from './database.ts';
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
