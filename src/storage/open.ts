// Opens a data folder: lock, process id, version, network, recovery. Every refusal says what to do.
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TangleError, isCoded } from '../errors.ts';
import { makeFolder, syncFolder } from '../files.ts';
import type { Logger } from '../log.ts';
import type { Shelves } from './append.ts';
import {
  damagedFiles,
  isCorruption,
  isLocked,
  isOutOfSpace,
  isWriteFailure,
  openDatabase,
  reasonOf,
  reopenNeedBytes,
  logBufferBytes,
} from './database.ts';
import type { Database, OpenDatabase } from './database.ts';
import { freeBytesOf } from './disk.ts';
import type { IndexPlace } from './index-folder.ts';
import { checkInstalled, rebuildFolder } from './install.ts';
import type { Network } from './layout.ts';
import { LevelStore } from './level-store.ts';
import { lockedBy, pidFile } from './lock.ts';
import { loadLogState } from './log-state.ts';
import { LastRead } from './last-read.ts';
import { Log } from './log.ts';
import { Recent } from './recent.ts';
import { recoverIndex } from './recovery.ts';
import type { Store } from './store.ts';
import { findCutTable } from './tables.ts';
import { View } from './view.ts';
import { lookForHoles } from './write-ahead.ts';

export interface StoreOptions {
  readonly dataDir: string;
  /** `power-loss`: every append is fsynced before it resolves. */
  readonly durability: 'power-loss' | 'process-crash';
  readonly network: Network;
  /** For blocks of both databases and facts in memory; write buffers (up to 16 MiB) come on top. */
  readonly cacheBytes: number;
  /** As the messages in it were judged; without it no entry point is ever too old for new children. */
  readonly maxParentAgeMs?: number | undefined;
  /** Makes the index again from the log. */
  readonly reindex?: boolean | undefined;
}

export interface StoreDeps {
  readonly log: Logger;
  /** While messages are indexed at the start. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** The store failed and writes again; messages that were refused may be there now. */
  readonly onReopened?: (() => void) | undefined;
  /** The store failed and cannot be opened again: the node must end. */
  readonly onFatal?: ((error: unknown) => void) | undefined;
  readonly openDatabase?: OpenDatabase | undefined;
  readonly freeBytes?: (() => Promise<number>) | undefined;
}

/** By which the index knows its children. */
const genesisSeq = 0;
/** Shares of `cacheBytes`. Ids are looked up at random, the log mostly at its end. */
const cacheShares = { log: 0.1875, lastRead: 0.0625, index: 0.375, filter: 0.125, recent: 0.25 };

/**
 * Throws STORE_LOCKED, STORE_LAYOUT_NEWER, STORE_NETWORK_MISMATCH, DISK_FULL, STORE_OPEN_FAILED. Takes as
 * long as it must to index what the index lacks.
 */
export async function openStore(options: StoreOptions, deps: StoreDeps): Promise<Store> {
  const { dataDir } = options;
  const shelves = await openShelves(options, deps);
  return new LevelStore(shelves, {
    open: () => openShelves({ ...options, reindex: false }, deps),
    freeBytes: deps.freeBytes ?? (() => freeBytesOf(dataDir)),
    log: deps.log,
    onReopened: deps.onReopened,
    onFatal: deps.onFatal,
  });
}

async function openShelves(options: StoreOptions, deps: StoreDeps): Promise<Shelves> {
  try {
    return await openBoth(options, deps);
  } catch (error) {
    if (error instanceof TangleError && !isWriteFailure(error)) throw error;
    throw openFailure(options.dataDir, error);
  }
}

async function openBoth(options: StoreOptions, deps: StoreDeps): Promise<Shelves> {
  const { dataDir, network, cacheBytes } = options;
  const openDb = deps.openDatabase ?? openDatabase;
  const logSizes = {
    cacheBytes: cacheBytes * cacheShares.log,
    writeBufferBytes: logBufferBytes,
  };
  await using opening = new AsyncDisposableStack();
  await checkInstalled(dataDir);
  const holes = await lookForHoles(dataDir);
  const cutTable = await findCutTable(join(dataDir, 'log'));
  const db = opening.use(
    await openLog(dataDir, (path) => openDb(path, logSizes)).catch(async (error: unknown) => {
      if (isCoded(error, 'STORE_LOCKED')) await holes.withdraw();
      throw error;
    }),
  );
  // Only now: the files of a store that is open elsewhere change while one looks.
  if (cutTable !== undefined) throw damagedFiles(db.location, `${cutTable} is cut off or missing`);
  opening.use(await signFolder(dataDir));
  // Of a repair that was killed.
  await rm(rebuildFolder(dataDir), { recursive: true, force: true });
  const state = await loadLogState(db, network);
  if (state.isNew) await syncFolders(dataDir);
  const { durability, maxParentAgeMs = Infinity } = options;
  const log = await Log.open(db, { isSynced: durability === 'power-loss', maxParentAgeMs }, state);
  const place: IndexPlace = {
    location: join(dataDir, 'index'),
    openDatabase: openDb,
    cacheBytes: cacheBytes * cacheShares.index,
    filterBytes: cacheBytes * cacheShares.filter,
  };
  const index = await recoverIndex(log, place, {
    isReindexed: options.reindex === true,
    isSuspect: holes.areSuspected,
    log: deps.log,
    onProgress: deps.onProgress,
  });
  opening.use(index);
  await holes.forget();
  log.needGenesis(await index.newestChild(genesisSeq));
  // Owns its errors, and is awaited when the index is closed.
  void index.learnIds();
  const recent = new Recent(cacheBytes * cacheShares.recent);
  const lastRead = new LastRead(cacheBytes * cacheShares.lastRead);
  const owned = opening.move();
  return {
    log,
    index,
    recent,
    view: new View(log, index, { recent, lastRead }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Opening takes LevelDB's lock, which the system drops with the process. */
async function openLog(
  dataDir: string,
  openDb: (location: string) => Promise<Database>,
): Promise<Database> {
  try {
    await makeFolder(dataDir);
    return await openDb(join(dataDir, 'log'));
  } catch (error) {
    throw isLocked(error) ? await lockedBy(dataDir, error) : error;
  }
}

/** Makes the names of a new folder and of what lies in it as durable as LevelDB makes the bytes. */
async function syncFolders(dataDir: string): Promise<void> {
  for (const path of [join(dataDir, 'log'), dataDir, dirname(dataDir)]) await syncFolder(path);
}

/** For people, and for whoever finds the folder locked. */
async function signFolder(dataDir: string): Promise<AsyncDisposable> {
  await writeFile(pidFile(dataDir), `${process.pid}\n`);
  return { [Symbol.asyncDispose]: () => rm(pidFile(dataDir), { force: true }) };
}

function openFailure(dataDir: string, cause: unknown): TangleError {
  const reason = reasonOf(cause);
  if (isCorruption(cause)) return damagedFiles(dataDir, cause);
  return isOutOfSpace(cause)
    ? new TangleError(
        'DISK_FULL',
        `The disk with the data folder ${dataDir} has no room left. Free ${reopenNeedBytes / 2 ** 20} MiB or more, then start again.`,
        { cause },
      )
    : new TangleError(
        'STORE_OPEN_FAILED',
        `The data folder ${dataDir} cannot be opened (${reason}). Look at its permissions and its disk.`,
        { details: { dataDir, reason }, cause },
      );
}
