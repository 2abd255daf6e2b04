// One LevelDB database: how it is opened, written and walked, and what its errors mean.
import { ClassicLevel } from 'classic-level';
import type { ChainedBatch } from 'classic-level';
import { TangleError } from '../errors.ts';
import type { KeyRange } from './layout.ts';
import { findListLoss } from './tables.ts';

export type Database = ClassicLevel<Buffer, Buffer>;

/** Opens what lies at the location, or makes it. Tests put faulty databases in its place. */
export type OpenDatabase = (location: string, sizes: DatabaseSizes) => Promise<Database>;

export interface DatabaseSizes {
  /** For blocks of tables. */
  readonly cacheBytes: number;
  /** Up to two, each with its write-ahead file. */
  readonly writeBufferBytes: number;
  /** What is not is read in place, and needs no room in the cache. */
  readonly isCompressed?: boolean;
}

/**
 * Messages go into the log in the order of their keys, so that a larger buffer gains nothing; a smaller one
 * stalls (measured). The keys of the index come in any order and are merged into what is there, the more
 * of them at a time the cheaper: with 4 MiB a million messages cost 2.6 bytes written for each byte of
 * message, with 8 MiB 2.4, with 16 MiB 1.8. But a disk that ran full needs room for all of them to recover.
 */
export const logBufferBytes = 4 * 1024 * 1024;
export const indexBufferBytes = 8 * 1024 * 1024;
/**
 * Hashes and numbers compress little: a store of a million messages would take 5 % less of the disk and write 8 % less,
 * but each read by id took a fifth longer (measured).
 */
export const indexSizes = { writeBufferBytes: indexBufferBytes, isCompressed: false };
/** A write-ahead file outgrows its buffer by the batch that fills it. */
export const maxBatchMessages = 4_096;
/** Beyond the cache; each costs a file descriptor and some 25 KB. */
const maxOpenFiles = 256;

export const openDatabase: OpenDatabase = async (location, sizes) => {
  const loss = await findListLoss(location);
  if (loss !== undefined) throw damagedFiles(location, loss);
  const db = new ClassicLevel<Buffer, Buffer>(location, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: sizes.writeBufferBytes,
    cacheSize: Math.floor(sizes.cacheBytes),
    maxOpenFiles,
    compression: sizes.isCompressed ?? true,
  });
  await db.open();
  return db;
};

/** Chained batches only: an array batch with options costs three times as much (measured). */
export type Batch = ChainedBatch<Database, Buffer, Buffer>;

/**
 * Writes a batch, with `sync` through to the disk. Throws DISK_FULL or STORE_UNAVAILABLE, after which
 * nothing may be written before the database was closed and opened again: LevelDB would go on behind a
 * torn record, say yes, and lose all of that at the next start.
 */
export async function commit(batch: Batch, options: { readonly sync: boolean }): Promise<void> {
  try {
    await batch.write(options);
  } catch (cause) {
    throw writeFailure(cause);
  }
}

/** Not atomic: after a crash a part of the range may be left. Fails as `commit` does. */
export async function clearRange(db: Database, range: KeyRange): Promise<void> {
  try {
    await db.clear(range);
  } catch (cause) {
    throw writeFailure(cause);
  }
}

export type WriteFailure = TangleError & { readonly code: 'STORE_UNAVAILABLE' | 'DISK_FULL' };

export function isWriteFailure(error: unknown): error is WriteFailure {
  return (
    error instanceof TangleError &&
    (error.code === 'STORE_UNAVAILABLE' || error.code === 'DISK_FULL')
  );
}

function writeFailure(cause: unknown): TangleError {
  return isOutOfSpace(cause)
    ? new TangleError(
        'DISK_FULL',
        `The disk with the data folder has no room left. Free ${needWords} or more, the node goes on by itself.`,
        { cause },
      )
    : new TangleError(
        'STORE_UNAVAILABLE',
        'A write to the data folder failed. The store is being reopened; try again in a moment.',
        { cause },
      );
}

/** The texts of an error and its causes: LevelDB tells most things only in words. */
function textOf(error: unknown): string {
  return error instanceof Error
    ? `${errorCode(error)} ${error.message} ${textOf(error.cause)}`
    : '';
}

function errorCode(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}

export function isOutOfSpace(error: unknown): boolean {
  return /DISK_FULL|ENOSPC|EDQUOT|No space left|quota exceeded/i.test(textOf(error));
}

export function isLocked(error: unknown): boolean {
  return textOf(error).includes('LEVEL_LOCKED');
}

/**
 * What must be free before a store that ran full is opened again: opening turns up to four write-ahead
 * files into tables; as much again is left for the first work.
 */
export const reopenNeedBytes = 4 * (logBufferBytes + indexBufferBytes);
const needWords = `${reopenNeedBytes / 2 ** 20} MiB`;

/** Of files that LevelDB cannot make sense of. */
export function damagedFiles(location: string, cause: unknown): TangleError {
  const reason = reasonOf(cause);
  return new TangleError(
    'STORE_DAMAGED',
    `Files in ${location} are damaged (${reason}). Stop the node and run "midge db repair": it keeps all ` +
      'that can still be proven, and tells what was lost.',
    { details: { location, reason }, cause },
  );
}

export function damagedRecord(seq: number): TangleError {
  return new TangleError(
    'STORE_RECORD_DAMAGED',
    `The stored message number ${seq} is damaged. Restore it with a backup, or index again to fetch it anew.`,
    { details: { seq } },
  );
}

/** LevelDB's own words are in the cause of "Database failed to open". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

/** The files contradict each other or one is missing: no later attempt can succeed. */
export function isCorruption(error: unknown): boolean {
  return /STORE_DAMAGED|LEVEL_CORRUPTION|LEVEL_.*(No such file|Invalid argument)/is.test(
    textOf(error),
  );
}

export interface PageSizes {
  readonly first: number;
  readonly next: number;
}

export interface Walk<T> extends AsyncDisposable {
  nextv(size: number): Promise<readonly T[]>;
}

/** A read of files that are told apart from others by what it throws: STORE_DAMAGED. */
export async function readOrDamaged<T>(location: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw isCorruption(error) ? damagedFiles(location, error) : error;
  }
}

export interface KeyWalk {
  readonly gt?: Buffer;
  readonly gte?: Buffer;
  readonly lt?: Buffer;
  readonly reverse?: boolean;
  readonly limit?: number;
  /** Read ahead at the most, in bytes. */
  readonly highWaterMarkBytes?: number;
}

/**
 * Keys alone. The binding makes a value for each all the same: as a string an empty one costs nothing, as a Buffer
 * it costs as much as the key (measured: 1.5 us an entry instead of 1.1).
 */
export function keysIn(db: Database, range: KeyWalk): Walk<Buffer> {
  const walk = { ...range, valueEncoding: 'utf8' };
  return db.keys(walk);
}

/** What `keysIn` or `db.iterator()` walks over, page by page. It is closed with the loop over the pages. */
export async function* pagesOf<T>(
  walk: Walk<T>,
  sizes: PageSizes,
): AsyncGenerator<readonly T[], void, undefined> {
  await using open = walk;
  let page = await open.nextv(sizes.first);
  while (page.length > 0) {
    yield page;
    page = await open.nextv(sizes.next);
  }
}
