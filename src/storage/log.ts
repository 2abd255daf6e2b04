// The log database: solid messages in the order of their sequence numbers. The truth of the store.
import assert from 'node:assert/strict';
import { TangleError } from '../errors.ts';
import type { MessageId } from '../protocol/ids.ts';
import { commit, maxBatchMessages, pagesOf } from './database.ts';
import type { Database } from './database.ts';
import { countMessages, isSuccessor, seqBeforeNewest } from './epochs.ts';
import {
  decodeRecord,
  encodeEpoch,
  encodeNumber,
  encodeRecord,
  entryPointKey,
  epochKey,
  hasProvenBytes,
  idText,
  messageKey,
  messageRange,
  seqOfKey,
} from './layout.ts';
import type { Epoch, KeyRange } from './layout.ts';
import { drawLogId } from './log-state.ts';
import type { LogState } from './log-state.ts';
import type { BackwardsPage, LogPage, NewRecord, StoredMessage } from './store.ts';

const keyPageSizes = { first: 1_000, next: 1_000 };
const maxRecordsPerPage = 64;

export interface LogRecord extends Pick<NewRecord, 'id' | 'bytes' | 'arrivalMs' | 'isLazy'> {
  /** Those of its parents that are entry points. */
  readonly entryPoints: readonly MessageId[];
}

export class Log {
  readonly #db: Database;
  readonly #isSynced: boolean;
  readonly #state: LogState;
  #epochs: readonly Epoch[];
  #lastSeq: number;
  #lastArrivalMs = 0;

  private constructor(db: Database, isSynced: boolean, state: LogState) {
    this.#db = db;
    this.#isSynced = isSynced;
    this.#state = state;
    this.#epochs = state.epochs;
    this.#lastSeq = state.cutSeq;
  }

  /** With `isSynced` every append is fsynced before it resolves. */
  static async open(db: Database, isSynced: boolean, state: LogState): Promise<Log> {
    const log = new Log(db, isSynced, state);
    const newestFirst = { ...log.#range(), reverse: true };
    for await (const [key] of pagesOf(db.keys(newestFirst), { first: 1, next: 1 })) {
      if (key !== undefined) log.#lastSeq = seqOfKey(key);
      break;
    }
    // The newest one that is intact: a damaged time must not hold all later ones.
    const [newest] = await log.readBackwards({ beforeSeq: Infinity, limit: 1 });
    log.#lastArrivalMs = newest?.arrivalMs ?? 0;
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
    return this.#state.cutSeq;
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

  /** By `idText` of the id. */
  isEntryPoint(key: string): boolean {
    return this.#state.entryPoints.has(key);
  }

  /** One batch, with what entry points are needed for. Gives seqs, and times that never go back. */
  async append(records: readonly LogRecord[]): Promise<readonly StoredMessage[]> {
    assert.ok(records.length <= maxBatchMessages, 'recovery reckons with smaller appends');
    const batch = this.#db.batch();
    const neededBy = new Map<string, { readonly id: MessageId; readonly seq: number }>();
    let arrivalMs = this.#lastArrivalMs;
    const stored = records.map((record, position) => {
      const seq = this.nextSeq + position;
      arrivalMs = Math.max(arrivalMs, record.arrivalMs);
      for (const id of record.entryPoints) neededBy.set(idText(id), { id, seq });
      return { seq, arrivalMs, isLazy: record.isLazy, id: record.id, bytes: record.bytes };
    });
    for (const record of stored) batch.put(messageKey(record.seq), encodeRecord(record));
    for (const { id, seq } of neededBy.values()) batch.put(entryPointKey(id), encodeNumber(seq));
    await commit(batch, { sync: this.#isSynced });
    this.#lastSeq = stored.at(-1)?.seq ?? this.#lastSeq;
    this.#lastArrivalMs = arrivalMs;
    return stored;
  }

  /** Proven whole, which costs 1 us for 300 bytes. Throws STORE_RECORD_DAMAGED. */
  getSync(seq: number): StoredMessage | undefined {
    const value = seq > this.cutSeq ? this.#db.getSync(messageKey(seq)) : undefined;
    if (value === undefined) return undefined;
    const record = decodeRecord(seq, value);
    if (record !== undefined && hasProvenBytes(record)) return record;
    throw new TangleError(
      'STORE_RECORD_DAMAGED',
      `The stored message number ${seq} is damaged. Restore it with a backup, or index again to fetch it anew.`,
      { details: { seq } },
    );
  }

  /** In the order of the seqs; undefined for what is not there or damaged. */
  async getMany(seqs: readonly number[]): Promise<readonly (StoredMessage | undefined)[]> {
    const values = await this.#db.getMany(seqs.map(messageKey));
    return seqs.map((seq, position) => {
      const value = values[position];
      return value !== undefined && seq > this.cutSeq ? decodeRecord(seq, value) : undefined;
    });
  }

  /** In the order of the seqs. Copies no bytes. */
  async hasMany(seqs: readonly number[]): Promise<readonly boolean[]> {
    const found = await this.#db.hasMany(seqs.map(messageKey));
    return seqs.map((seq, position) => found[position] === true && seq > this.cutSeq);
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
    let previous = fromSeq > this.cutSeq ? undefined : fromSeq;
    for await (const keys of pagesOf(this.#db.keys(this.#range(fromSeq)), keyPageSizes)) {
      for (const seq of keys.map(seqOfKey)) {
        if (previous !== undefined && !isSuccessor(this.#epochs, seq, previous)) return previous;
        previous = seq;
      }
    }
    return undefined;
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
    await commit(batch, { sync: true });
    this.#epochs = [...this.#epochs, epoch];
    this.#lastSeq = keepSeq;
  }
}
