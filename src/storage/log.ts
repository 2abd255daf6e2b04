// The log database: solid messages in the order of their sequence numbers. The truth of the store.
import assert from 'node:assert/strict';
import { genesisId, idText } from '../protocol/ids.ts';
import { compactSeqs } from './compact-range.ts';
import { clearRange, commit, damagedRecord, maxBatchMessages, pagesOf } from './database.ts';
import type { Database } from './database.ts';
import { bereftPoints, isClosed, namedPoints } from './entry-points.ts';
import { countMessages, firstGap, isGiven, seqBeforeNewest } from './epochs.ts';
import {
  decodeEntryPoint,
  encodeEpoch,
  encodeNumber,
  entryPointKey,
  epochKey,
  idOfKey,
  logSpaces,
  logStateKey,
  messageKey,
  messageRange,
  seqKeyInto,
  seqOfKey,
  spaceRange,
} from './layout.ts';
import type { Epoch, KeyRange, SeqRange } from './layout.ts';
import { drawLogId, putEntryPoints } from './log-state.ts';
import type { EntryPointChanges, LogRecord, LogState, StagedRecords } from './log-state.ts';
import type { PinChange, Pins } from './pins.ts';
import { decodeRecord, encodeRecord, hasProvenBytes } from './record-layout.ts';
import type { Gone } from './sweep.ts';
import type {
  BackwardsPage,
  EntryPoint,
  IdPage,
  LogPage,
  StandingPoint,
  StoredMessage,
} from './store.ts';

const genesisKey = idText(genesisId);
const keyPageSizes = { first: 1_000, next: 1_000 };
const maxRecordsPerPage = 64;
/** Each put writes over it: a batch has copied what it was given when `put` returns. */
const reusedKey = messageKey(0);

const rangeOfSeqs = (firstSeq: number, lastSeq: number): KeyRange =>
  messageRange(firstSeq, lastSeq + 1);

type Stored = readonly StoredMessage[];

export interface LogOptions {
  /** Every append is fsynced before it resolves. */
  readonly isSynced: boolean;
  readonly maxParentAgeMs: number;
}

export class Log {
  readonly #db: Database;
  readonly #options: LogOptions;
  readonly #state: LogState;
  readonly #entryPoints: Map<string, EntryPoint>;
  readonly pins: Pins;
  #cutSeq: number;
  #clearedSeq: number;
  #epochs: readonly Epoch[];
  #lastSeq: number;
  #lastArrivalMs = 0;
  /** Entry points that had a child before that take no more. */
  #closedBeforeMs = -Infinity;

  private constructor(db: Database, options: LogOptions, state: LogState) {
    this.#db = db;
    this.#options = options;
    this.#state = state;
    this.#epochs = state.epochs;
    this.#entryPoints = state.entryPoints;
    this.pins = state.pins;
    this.#cutSeq = state.cutSeq;
    this.#clearedSeq = state.clearedSeq;
    this.#lastSeq = state.cutSeq;
  }

  static async open(db: Database, options: LogOptions, state: LogState): Promise<Log> {
    const log = new Log(db, options, state);
    const newestFirst = { ...log.#range(), reverse: true };
    for await (const [key] of pagesOf(db.keys(newestFirst), { first: 1, next: 1 })) {
      if (key !== undefined) log.#lastSeq = seqOfKey(key);
      break;
    }
    // The newest one that is intact: a damaged time must not hold all later ones.
    const [newest] = await log.readBackwards({ beforeSeq: Infinity, limit: 1 });
    log.#lastArrivalMs = newest?.arrivalMs ?? 0;
    await log.#closeOld();
    return log;
  }

  get location(): string {
    return this.#db.location;
  }

  get isNew(): boolean {
    return this.#state.isNew;
  }

  get epochs(): readonly Epoch[] {
    return this.#epochs;
  }

  get #epoch(): Epoch {
    const newest = this.#epochs.at(-1);
    assert.ok(newest !== undefined, 'a log is born with its first epoch');
    return newest;
  }

  get logId(): Buffer {
    return this.#epoch.logId;
  }

  get cutSeq(): number {
    return this.#cutSeq;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get nextSeq(): number {
    return Math.max(this.#lastSeq + 1, this.#epoch.firstSeq);
  }

  /** How many messages have `fromSeq` or a higher one. */
  countFrom(fromSeq: number): number {
    const afterSeq = Math.max(fromSeq - 1, this.cutSeq);
    return countMessages(this.#epochs, { afterSeq, upToSeq: this.#lastSeq });
  }

  get entryPoints(): ReadonlyMap<string, EntryPoint> {
    return this.#entryPoints;
  }

  /** By `idText` of the id. */
  entryPoint(key: string): EntryPoint | undefined {
    return this.#entryPoints.get(key);
  }

  /** What leaves the index. */
  get gone(): Gone {
    const { pins } = this;
    return { cutSeq: this.#cutSeq, ...(pins.hasKept && { keptOf: (seqs) => pins.keptOf(seqs) }) };
  }

  isClosed(point: EntryPoint): boolean {
    return isClosed(point, this.#closedBeforeMs);
  }

  /** A log that was never cut has its whole past. */
  async #closeOld(): Promise<void> {
    if (this.#cutSeq === 0) return;
    const [oldest] = await this.read({ fromSeq: 0, limit: 1, maxBytes: 0 });
    if (oldest !== undefined)
      this.#closedBeforeMs = oldest.arrivalMs - this.#options.maxParentAgeMs;
  }

  /** In the order of ids. */
  async readEntryPoints({ afterId, limit }: IdPage): Promise<readonly StandingPoint[]> {
    const { gte, lt } = spaceRange(logSpaces.entryPoints);
    const range = afterId === undefined ? { gte, lt } : { gt: entryPointKey(afterId), lt };
    const found = await this.#db.iterator({ ...range, limit }).all();
    return found.map(([key, value]) => {
      const id = idOfKey(key);
      const point = this.#entryPoints.get(idText(id)) ?? decodeEntryPoint(value);
      return { id, ...point, isClosed: this.isClosed(point) };
    });
  }

  /**
   * Up to this seq. In memory only, for the index knows its children and tells at the next start: a key
   * beside those of the first messages would span all later ones, and LevelDB would rewrite each of them
   * once (measured: 1.3 bytes for each byte of message).
   */
  needGenesis(seq: number): void {
    const genesis = this.#entryPoints.get(genesisKey);
    if (genesis === undefined || seq <= genesis.neededSeq) return;
    this.#entryPoints.set(genesisKey, { ...genesis, neededSeq: seq });
  }

  /**
   * Prepares one batch, with what entry points are needed for. Gives seqs, and times that never go back. `returning`:
   * those of them that were kept below the cut, and are so no longer.
   */
  stage(records: readonly LogRecord[], returning: Stored = []): StagedRecords {
    assert.ok(records.length <= maxBatchMessages, 'recovery reckons with smaller appends');
    const batch = this.#db.batch();
    let arrivalMs = this.#lastArrivalMs;
    const stored = records.map((record, position) => {
      arrivalMs = Math.max(arrivalMs, record.arrivalMs);
      const { id, bytes, isLazy } = record;
      return { seq: this.nextSeq + position, arrivalMs, isLazy, id, bytes };
    });
    const points = namedPoints(this.#entryPoints, stored, records);
    const genesisSeq = points.get(genesisKey)?.neededSeq ?? 0;
    points.delete(genesisKey);
    for (const record of stored) batch.put(seqKeyInto(reusedKey, record.seq), encodeRecord(record));
    putEntryPoints(batch, points);
    const dropped = this.pins.stage(batch, { drop: returning });
    const write = async (): Promise<void> => {
      await commit(batch, { sync: this.#options.isSynced });
      dropped();
      this.#keepEntryPoints(points);
      this.needGenesis(genesisSeq);
      this.#lastSeq = stored.at(-1)?.seq ?? this.#lastSeq;
      this.#lastArrivalMs = arrivalMs;
    };
    return { stored, points, write };
  }

  async changeEntryPoints(changes: EntryPointChanges): Promise<void> {
    const batch = this.#db.batch();
    putEntryPoints(batch, changes);
    await commit(batch, { sync: true });
    this.#keepEntryPoints(changes);
  }

  async changePins(change: PinChange): Promise<void> {
    const batch = this.#db.batch();
    const changed = this.pins.stage(batch, change);
    await commit(batch, { sync: true });
    changed();
  }

  #keepEntryPoints(changes: EntryPointChanges): void {
    for (const [key, point] of changes) {
      if (point === undefined) this.#entryPoints.delete(key);
      else this.#entryPoints.set(key, point);
    }
  }

  /** Below the cut, what is kept. Proven whole, which costs 1 us for 300 bytes. Throws STORE_RECORD_DAMAGED. */
  getSync(seq: number): StoredMessage | undefined {
    const value = seq > this.cutSeq ? this.#db.getSync(messageKey(seq)) : this.pins.getSync(seq);
    if (value === undefined) return undefined;
    const record = decodeRecord(seq, value);
    if (record !== undefined && hasProvenBytes(record)) return record;
    throw damagedRecord(seq);
  }

  /** In the order of the seqs; undefined for what is not there or damaged. */
  async getMany(seqs: readonly number[]): Promise<readonly (StoredMessage | undefined)[]> {
    const values = await this.#db.getMany(seqs.map(messageKey));
    return seqs.map((seq, position) => {
      const value = values[position];
      return value !== undefined && seq > this.cutSeq ? decodeRecord(seq, value) : undefined;
    });
  }

  /** Whether the number is that of a message above the cut. Of damaged files it knows nothing: it does not look. */
  isStored(seq: number): boolean {
    return seq > this.#cutSeq && seq <= this.#lastSeq && isGiven(this.#epochs, seq);
  }

  /** Ascending; damaged records are passed over. */
  async read({ fromSeq, limit, maxBytes }: LogPage): Promise<readonly StoredMessage[]> {
    const found: StoredMessage[] = [];
    let sizeBytes = 0;
    for await (const record of this.#records(this.#range(fromSeq), limit)) {
      sizeBytes += record.bytes.length;
      if (found.length >= limit || (found.length > 0 && sizeBytes > maxBytes)) break;
      found.push(record);
    }
    return found;
  }

  /** Descending; damaged records are passed over. */
  async readBackwards({ beforeSeq, limit }: BackwardsPage): Promise<readonly StoredMessage[]> {
    const found: StoredMessage[] = [];
    const newestFirst = { ...this.#range(0, beforeSeq), reverse: true };
    for await (const record of this.#records(newestFirst, limit)) {
      if (found.length >= limit) break;
      found.push(record);
    }
    return found;
  }

  async *#records(walk: KeyRange, limit: number): AsyncGenerator<StoredMessage, void, undefined> {
    const size = Math.min(limit, maxRecordsPerPage);
    for await (const page of pagesOf(this.#db.iterator(walk), { first: size, next: size })) {
      for (const [key, value] of page) {
        const record = decodeRecord(seqOfKey(key), value);
        if (record !== undefined) yield record;
      }
    }
  }

  /** Of messages above the cut. */
  #range(fromSeq = 0, beforeSeq = Infinity): KeyRange {
    return messageRange(Math.max(fromSeq, this.cutSeq + 1), beforeSeq);
  }

  /** The seq above which the newest `count` messages up to `upToSeq` lie. */
  seqBeforeNewest(count: number, upToSeq: number): number {
    return Math.max(this.cutSeq, seqBeforeNewest(this.#epochs, { count, upToSeq }));
  }

  /** The last seq before the first jump that no epoch explains, among the newest messages. Reads keys only. */
  async findGap(newestCount: number): Promise<number | undefined> {
    const fromSeq = this.seqBeforeNewest(newestCount, this.#lastSeq);
    const seqBefore = fromSeq > this.cutSeq ? undefined : fromSeq;
    const walk = pagesOf(this.#db.keys(this.#range(fromSeq)), keyPageSizes);
    return firstGap(this.#epochs, walk, seqBefore);
  }

  /**
   * Draws another log id, because messages may have been lost. Numbers go on above `seenSeq` and all
   * that was given before. Removes the messages above `keepSeq` in the same batch.
   */
  async startEpoch(seenSeq: number, keepSeq: number): Promise<void> {
    const epoch: Epoch = {
      firstSeq: Math.max(seenSeq, this.#lastSeq, this.#epoch.firstSeq) + 1,
      logId: drawLogId(),
      lastSeqBefore: keepSeq,
    };
    const batch = this.#db.batch();
    for await (const keys of pagesOf(this.#db.keys(this.#range(keepSeq + 1)), keyPageSizes)) {
      for (const key of keys) batch.del(key);
    }
    batch.put(epochKey(epoch.firstSeq), encodeEpoch(epoch));
    const [newest] = await this.readBackwards({ beforeSeq: keepSeq + 1, limit: 1 });
    const points = bereftPoints(this.#entryPoints, newest?.arrivalMs ?? -1);
    putEntryPoints(batch, points);
    await commit(batch, { sync: true });
    this.#keepEntryPoints(points);
    this.#epochs = [...this.#epochs, epoch];
    this.#lastSeq = keepSeq;
  }

  // ---- the cut ----

  /**
   * One batch, always fsynced, because what lies below is removed next. Epochs go that explain no number
   * above the cut; what is to be kept is copied.
   */
  async moveCut(cutSeq: number, changes: EntryPointChanges, keep: Stored = []): Promise<void> {
    assert.ok(this.#clearedSeq === this.#cutSeq, 'the slice before this one is removed');
    assert.ok(cutSeq > this.#cutSeq && cutSeq < this.#lastSeq, 'the newest message stays');
    const newest = this.#epochs.findLastIndex(({ firstSeq }) => firstSeq <= cutSeq + 1);
    const batch = this.#db.batch();
    batch.put(logStateKey('cut'), encodeNumber(cutSeq));
    batch.put(logStateKey('cleared'), encodeNumber(this.#clearedSeq));
    for (const { firstSeq } of this.#epochs.slice(0, newest)) batch.del(epochKey(firstSeq));
    putEntryPoints(batch, changes);
    const kept = this.pins.stage(batch, { keep });
    await commit(batch, { sync: true });
    kept();
    this.#keepEntryPoints(changes);
    this.#epochs = this.#epochs.slice(newest);
    this.#cutSeq = cutSeq;
    await this.#closeOld();
  }

  /** What lies below the cut and is not removed yet, one slice at most. */
  get unclearedSeqs(): SeqRange {
    return { firstSeq: this.#clearedSeq + 1, lastSeq: this.#cutSeq };
  }

  /** The beginning of that. */
  clear(upToSeq: number): Promise<void> {
    const { firstSeq } = this.unclearedSeqs;
    return clearRange(this.#db, messageRange(firstSeq, upToSeq + 1));
  }

  /** The index has nothing of it either, what is swept apart. It is written with the next move of the cut. */
  wasCleared(upToSeq: number): void {
    this.#clearedSeq = upToSeq;
  }

  /** As far as LevelDB can tell from its tables. */
  prunedBytesOnDisk(): Promise<number> {
    return this.#db.approximateSize(messageKey(0), messageKey(this.#cutSeq + 1));
  }

  /** Takes what was cleared off the disk. */
  async compactCleared(stop: AbortSignal): Promise<void> {
    await compactSeqs({ db: this.#db, stop }, rangeOfSeqs, this.#clearedSeq);
  }
}
