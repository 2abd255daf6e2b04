// Opens a damaged database so that all can be read that LevelDB wrote and is still there.
import { rm } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { commit, damagedFiles, isCorruption, isLocked } from './database.ts';
import type { Database, OpenDatabase } from './database.ts';
import { makeMendedFolder } from './mended-folder.ts';
import type { DamagedTable, MendedFolder } from './mended-folder.ts';
import { isPut, keyOfFull } from './table-block.ts';
import { looseEntries } from './table-file.ts';

export interface DamagedDatabase extends AsyncDisposable {
  readonly db: Database;
  /** It is not the one that lies there, but what could be saved of it. */
  readonly isMended: boolean;
  readonly damaged: readonly DamagedTable[];
}

interface Damaged {
  readonly location: string;
  /** A folder for what is saved; it goes when all is closed. */
  readonly workFolder: string;
  readonly open: (location: string) => ReturnType<OpenDatabase>;
}

/**
 * Looks at every byte of the tables. Throws what keeps it from opening besides damage; the database at the location
 * stays open, if LevelDB can open it, so that no other process can.
 */
export async function openDamaged(from: Damaged): Promise<DamagedDatabase> {
  const { location, workFolder, open } = from;
  await using opening = new AsyncDisposableStack();
  opening.defer(() => rm(workFolder, { recursive: true, force: true }));
  const asItIs = await open(location).catch((error: unknown) => {
    if (isCorruption(error) && !isLocked(error)) return undefined;
    throw error;
  });
  if (asItIs !== undefined) opening.use(asItIs);
  const isOpen = asItIs !== undefined;
  const mended = await makeMendedFolder({ location, target: workFolder, isOpen });
  const { damaged, isWhole } = mended;
  const isMended = asItIs === undefined || !isWhole;
  const db = isMended ? opening.use(await openMended(from, mended)) : asItIs;
  const all = opening.move();
  return { db, isMended, damaged, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Where LevelDB's list of tables is of no use, LevelDB makes another of the tables that it can read. */
async function openMended(
  { location, workFolder, open }: Damaged,
  { isListed }: MendedFolder,
): Promise<Database> {
  try {
    // Without its list LevelDB would begin a new database.
    if (isListed) return await open(workFolder);
  } catch (error) {
    if (!isCorruption(error)) throw error;
  }
  await ClassicLevel.repair(workFolder);
  try {
    return await open(workFolder);
  } catch (error) {
    throw isCorruption(error) ? damagedFiles(location, error) : error;
  }
}

/**
 * Puts into the mended database what damaged blocks still have and what proves itself. Of the same key nothing may be
 * there: that is newer, or as good.
 */
export async function putBackProven(
  { db, damaged }: DamagedDatabase,
  isProven: (key: Buffer, value: Buffer) => boolean | Promise<boolean>,
): Promise<void> {
  for (const { path, lost } of damaged) {
    for await (const entries of looseEntries(path, lost)) {
      const batch = db.batch();
      for (const entry of entries) {
        const key = keyOfFull(entry.fullKey);
        if (!isPut(entry) || (await db.get(key)) !== undefined) continue;
        if (await isProven(key, entry.value)) batch.put(key, entry.value);
      }
      await commit(batch, { sync: false });
    }
  }
}
