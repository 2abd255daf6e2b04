// Saves of a damaged store all that can be proven: the log is written anew from the records that can be read,
// the index with it. The damaged log is kept beside it. Nothing is lost that was not damaged: messages whose
// parents are lost keep their place, because these become entry points.
import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import { folderBytes, freeBytesOf } from './disk.ts';
import { isCorruption, isLocked, logBufferBytes, openDatabase } from './database.ts';
import type { Database } from './database.ts';
import { finishInstalling, rebuildFolder } from './install.ts';
import { decodePending, idOfKey, indexSpaces, spaceRange } from './layout.ts';
import type { Network } from './layout.ts';
import { lockedBy } from './lock.ts';
import { messageIdHex } from '../protocol/ids.ts';
import { Rebuild } from './rebuild.ts';
import { openDamaged, putBackProven } from './open-damaged.ts';
import type { DamagedDatabase } from './open-damaged.ts';
import { putBackMessages } from './put-back.ts';
import { hasProvenBytes } from './record-layout.ts';
import { salvage } from './salvage.ts';
import { salvageLog, salvagedState } from './salvage-log.ts';
import type { LogLosses, SalvagedState } from './salvage-log.ts';

const pendingKeyBytes = 33;

export interface RepairOptions {
  readonly dataDir: string;
  readonly network: Network;
  readonly cacheBytes: number;
  /** A name in the data folder for what was damaged. */
  readonly keepAs: string;
  readonly onProgress: (done: number, total: number) => void;
}

export interface RepairReport extends LogLosses {
  /** Then the log was left as it is, and only the index was made anew. */
  readonly isLogWhole: boolean;
  readonly messageCount: number;
  /** Ids of lost messages that others name: these became entry points. */
  readonly adoptedIds: readonly string[];
  readonly pendingCount: number;
  /** Where the damaged log is now. */
  readonly keptAs?: string;
}

/**
 * Needs about as much free room as the log and the index have. Throws STORE_LOCKED, STORE_OPEN_FAILED,
 * STORE_NETWORK_MISMATCH, STORE_LAYOUT_NEWER, DISK_FULL. A repair that is killed changes nothing.
 */
export async function repairStore(options: RepairOptions): Promise<RepairReport> {
  const { dataDir, network, cacheBytes } = options;
  await finishInstalling(dataDir);
  if (!existsSync(join(dataDir, 'log'))) {
    throw new TangleError('STORE_OPEN_FAILED', `There is no data folder at ${dataDir}.`);
  }
  await checkRoom(dataDir);
  await using opened = new AsyncDisposableStack();
  // Nothing but the folders of what is opened here may be in it.
  opened.defer(() => rmdir(rebuildFolder(dataDir)).catch(() => undefined));
  const log = opened.use(
    await openDamaged(damagedPart(options, 'log')).catch(async (error: unknown) => {
      throw isLocked(error) ? await lockedBy(dataDir, error) : error;
    }),
  );
  const index = await openIndex(options);
  if (index !== undefined) opened.use(index);
  const [logDb, indexDb] = [log.db, index?.db];
  await putBackMessages(log, indexDb);
  const state = await salvagedState(logDb, { network, indexDb, isIncomplete: log.isMended });
  await using rebuild = await Rebuild.open({
    dataDir,
    network,
    cutSeq: state.cutSeq,
    entryPoints: state.entryPoints,
    pinned: state.pins,
    openDatabase,
    cacheBytes: cacheBytes / 2,
    isLenient: true,
  });
  const losses = await salvageLog(logDb, indexDb, { ...options, state, rebuild });
  const pendingCount = indexDb === undefined ? 0 : await savePending(indexDb, rebuild);
  await opened.disposeAsync();
  return await finish(options, rebuild, { state, losses, pendingCount, isMended: log.isMended });
}

interface Salvaged {
  readonly state: SalvagedState;
  readonly losses: LogLosses;
  readonly pendingCount: number;
  readonly isMended: boolean;
}

async function finish(
  { keepAs }: RepairOptions,
  rebuild: Rebuild,
  { state, losses, pendingCount, isMended }: Salvaged,
): Promise<RepairReport> {
  const newestLogId = state.epochs.at(-1)?.logId;
  const common = { ...losses, pendingCount };
  if (newestLogId !== undefined && !isMended && isWithoutLoss(losses)) {
    const messageCount = await rebuild.finishIndex(newestLogId);
    return { ...common, isLogWhole: true, messageCount, adoptedIds: [] };
  }
  const { messageCount, adopted } = await rebuild.finish({ seenSeq: losses.seenSeq, keepAs });
  return {
    ...common,
    isLogWhole: false,
    messageCount,
    adoptedIds: adopted.map(messageIdHex),
    keptAs: keepAs,
  };
}

function isWithoutLoss(losses: LogLosses): boolean {
  const { damaged, missing, mended, lostPins, state, isUnreadable } = losses;
  return (
    damaged.count + missing.count + mended.count + lostPins === 0 &&
    state.length === 0 &&
    !isUnreadable
  );
}

const opener = (cacheBytes: number) => (location: string) =>
  openDatabase(location, { cacheBytes: cacheBytes / 4, writeBufferBytes: logBufferBytes });

function damagedPart({ dataDir, cacheBytes }: RepairOptions, part: 'log' | 'index') {
  return {
    location: join(dataDir, part),
    workFolder: join(rebuildFolder(dataDir), `damaged-${part}`),
    open: opener(cacheBytes),
  };
}

/** Undefined when nothing of it can be read: then only what was pending is lost with it. */
async function openIndex(options: RepairOptions): Promise<DamagedDatabase | undefined> {
  const part = damagedPart(options, 'index');
  if (!existsSync(part.location)) return undefined;
  const index = await openDamaged(part).catch((error: unknown) => {
    if (isCorruption(error)) return undefined;
    throw error;
  });
  if (index !== undefined) await putBackProven(index, isPending);
  return index;
}

function isPending(key: Buffer, value: Buffer): boolean {
  const isOfSpace = key[0] === indexSpaces.pending.prefix && key.length === pendingKeyBytes;
  return isOfSpace && value.length > 8 && hasProvenBytes(decodePending(idOfKey(key), value));
}

async function savePending(indexDb: Database, rebuild: Rebuild): Promise<number> {
  let count = 0;
  const report = { isUnreadable: false };
  for await (const page of salvage(indexDb, spaceRange(indexSpaces.pending), report)) {
    const proven = page
      .filter(([key, value]) => isPending(key, value))
      .map(([key, value]) => decodePending(idOfKey(key), value));
    await rebuild.addPending(proven);
    count += proven.length;
  }
  return count;
}

const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

async function checkRoom(dataDir: string): Promise<void> {
  const needBytes =
    (await folderBytes(join(dataDir, 'log'))) + (await folderBytes(join(dataDir, 'index')));
  const freeBytes = await freeBytesOf(dataDir);
  if (freeBytes >= needBytes) return;
  throw new TangleError(
    'DISK_FULL',
    `A repair writes the log anew and needs ${mib(needBytes)} MiB of room on the disk, but ${mib(freeBytes)} MiB are free.`,
  );
}
