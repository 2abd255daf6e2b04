// What happens between opening the databases and serving from them: the two are brought to one truth.
import { isCoded } from '../errors.ts';
import type { Logger } from '../log.ts';
import { finishCut } from './cut.ts';
import {
  damagedFiles,
  indexBufferBytes,
  isCorruption,
  logBufferBytes,
  maxBatchMessages,
  readOrDamaged,
} from './database.ts';
import { entriesOf } from './entries.ts';
import { lastSeqUnder } from './epochs.ts';
import {
  openIndexFolder,
  removeIndexFolder,
  replaceIndexFolder,
  undoHalfMade,
} from './index-folder.ts';
import type { IndexPlace } from './index-folder.ts';
import type { Index } from './index.ts';
import { indexLayoutVersion, minIndexRecordBytes } from './layout.ts';
import type { Position } from './layout.ts';
import type { Log } from './log.ts';
import { hasProvenBytes, minLogRecordBytes } from './record-layout.ts';
import { findCutTable } from './tables.ts';
import type { StoredMessage } from './store.ts';

/** Looked at in every start, because it costs nothing. */
const spotCheckMessages = 1_000;
const logFiles = { bufferBytes: logBufferBytes, minRecordBytes: minLogRecordBytes };
const indexFiles = { bufferBytes: indexBufferBytes, minRecordBytes: minIndexRecordBytes };
const page = { limit: 1_000, maxBytes: 4 * 1024 * 1024 };

export interface RecoveryOptions {
  /** Everything that the log can tell is indexed again, whatever the index says. */
  readonly isReindexed: boolean;
  /** Write-ahead files may have had holes: all that was in them is looked at. */
  readonly isSuspect: boolean;
  readonly log: Logger;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Opens the index of a log and makes both agree. An index that is damaged is made again. */
export async function recoverIndex(
  log: Log,
  place: IndexPlace,
  options: RecoveryOptions,
): Promise<Index> {
  await undoHalfMade(place);
  try {
    return await bringUp(log, place, options);
  } catch (error) {
    // Of the log: to make the index again would not help.
    const isOfLog = isCoded(error, 'STORE_DAMAGED') && error.details['location'] === log.location;
    if (isOfLog || !isCorruption(error)) throw error;
    options.log.warn({ err: error }, 'the index is damaged and is made again from the log');
    await removeIndexFolder(place);
    return bringUp(log, place, options);
  }
}

async function bringUp(log: Log, place: IndexPlace, options: RecoveryOptions): Promise<Index> {
  await using opening = new AsyncDisposableStack();
  const cutTable = await findCutTable(place.location);
  if (cutTable !== undefined)
    throw damagedFiles(place.location, `${cutTable} is cut off or missing`);
  let index = opening.use(await openIndexFolder(place));
  if (index.position !== undefined && !isViewOf(log, index.position)) {
    options.log.warn('the index belongs to another log and is made again');
    await index[Symbol.asyncDispose]();
    await removeIndexFolder(place);
    index = opening.use(await openIndexFolder(place));
  }
  await reconcile(log, index, options);
  if (options.isReindexed || isOfOtherLayout(index)) {
    index = opening.use(await replaceIndexFolder(place, index));
  }
  if (index.position === undefined) await index.sweep.begin(log.cutSeq);
  await index.settle(log.logId, index.position?.indexedUpToSeq ?? 0);
  await finishCut({ log, index });
  await refillPins(log, index, options);
  await refill(log, index, options);
  await catchUp(log, index, options);
  opening.move();
  return index;
}

function isViewOf(log: Log, { logId, indexedUpToSeq }: Position): boolean {
  const lastSeq = lastSeqUnder(log.epochs, logId);
  return lastSeq !== undefined && indexedUpToSeq <= lastSeq;
}

function isOfOtherLayout({ position }: Index): boolean {
  return position !== undefined && position.layout !== indexLayoutVersion;
}

/** How many of the newest messages may be missing: two write-ahead files hold no more, and the rest was fsynced. */
function doubtfulCount(
  { bufferBytes, minRecordBytes }: typeof logFiles,
  { isSuspect }: RecoveryOptions,
): number {
  if (!isSuspect) return spotCheckMessages;
  return Math.ceil((2 * bufferBytes) / minRecordBytes) + 2 * maxBatchMessages;
}

/**
 * Finds out whether the end of the log was lost: the index knows numbers that the log does not, or
 * numbers are missing in the log, or nobody can tell because there is no index. Then another log id is
 * drawn and the numbers go on above all that were seen, so that none ever means two messages. What
 * lies above a gap has lost its past: it waits as pending and goes through the door again.
 */
async function reconcile(log: Log, index: Index, options: RecoveryOptions): Promise<void> {
  const seenSeq = index.position?.indexedUpToSeq ?? 0;
  const { lastSeq } = log;
  const count = doubtfulCount(logFiles, options);
  const keepSeq = (await readOrDamaged(log.location, () => log.findGap(count))) ?? lastSeq;
  const isIndexMissing = index.position === undefined && lastSeq > 0;
  if (keepSeq === lastSeq && seenSeq < log.nextSeq && !isIndexMissing) return;
  await setAside(log, index, keepSeq);
  await log.startEpoch(seenSeq, keepSeq);
  options.log.warn({ keepSeq, lastSeq, seenSeq }, 'the log goes on under another id');
}

async function setAside(log: Log, index: Index, aboveSeq: number): Promise<void> {
  for await (const records of pagesFrom(log, aboveSeq + 1, Infinity)) {
    await index.addPending(records.filter(hasProvenBytes), { sync: true });
  }
}

/** Puts back what holes in the write-ahead files may have taken from below the watermark. */
async function refill(log: Log, index: Index, options: RecoveryOptions): Promise<void> {
  const upToSeq = Math.min(index.position?.indexedUpToSeq ?? 0, log.lastSeq);
  const fromSeq = log.seqBeforeNewest(doubtfulCount(indexFiles, options), upToSeq) + 1;
  for await (const records of pagesFrom(log, fromSeq, upToSeq)) {
    const located = await index.locate(records.map(({ id }) => id));
    if (records.every(({ seq }, position) => located[position] === seq)) continue;
    await index.add(await entriesOf(records, { index, log }, tellDamaged(options)), { sync: true });
  }
}

/**
 * The same for what is kept below the cut. Where anything may be missing all of it is looked at: it is bounded, and
 * epochs tell nothing of numbers below the cut.
 */
async function refillPins(log: Log, index: Index, options: RecoveryOptions): Promise<void> {
  const upToSeq = index.position?.indexedUpToSeq ?? 0;
  let fromSeq = options.isSuspect ? 0 : Math.max(0, upToSeq - spotCheckMessages) + 1;
  for (;;) {
    const fromHere = { ...page, fromSeq };
    const records = await readOrDamaged(log.location, () => log.pins.read(fromHere));
    const last = records.at(-1);
    if (last === undefined) return;
    const unfound = await unfoundOf(records, { log, index });
    if (unfound.length > 0)
      await index.add(await entriesOf(unfound, { index, log }, tellDamaged(options)));
    fromSeq = last.seq + 1;
  }
}

/** Those that are not found by their ids; one of a newer message may begin alike, and that one is. */
async function unfoundOf(
  records: readonly StoredMessage[],
  { log, index }: { readonly log: Log; readonly index: Index },
): Promise<readonly StoredMessage[]> {
  const located = await index.locate(records.map(({ id }) => id));
  const unfound = records.flatMap((record, position) => {
    const foundSeq = located[position] ?? 0;
    return foundSeq === record.seq ? [] : [{ record, foundSeq }];
  });
  const seqs = unfound.map(({ foundSeq }) => foundSeq);
  const [stored, kept] = [await log.getMany(seqs), await log.pins.getMany(seqs)];
  const isHidden = ({ seq }: StoredMessage, position: number): boolean =>
    ((stored[position] ?? kept[position])?.seq ?? 0) > seq;
  return unfound.flatMap(({ record }, position) => (isHidden(record, position) ? [] : [record]));
}

function tellDamaged({ log }: RecoveryOptions): (record: StoredMessage) => void {
  return ({ seq }) => log.error({ seq }, 'a stored message is damaged');
}

/** Indexes the log above the watermark. */
async function catchUp(log: Log, index: Index, options: RecoveryOptions): Promise<void> {
  const fromSeq = (index.position?.indexedUpToSeq ?? 0) + 1;
  const total = log.countFrom(fromSeq);
  let done = 0;
  for await (const records of pagesFrom(log, fromSeq, log.lastSeq)) {
    await index.add(await entriesOf(records, { index, log }, tellDamaged(options)));
    done += records.length;
    options.onProgress?.(done, total);
  }
}

async function* pagesFrom(
  log: Log,
  fromSeq: number,
  upToSeq: number,
): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  let nextSeq = fromSeq;
  while (nextSeq <= upToSeq) {
    const fromHere = { ...page, fromSeq: nextSeq };
    const records = await readOrDamaged(log.location, () => log.read(fromHere));
    const last = records.at(-1);
    if (last === undefined) return;
    yield records;
    nextSeq = last.seq + 1;
  }
}
