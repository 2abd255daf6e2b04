// The index database: what of the log is found by id, by parent and by indexation key, and what waits for
// its parents. A view that can be made again; never fsynced in daily work. It points, the log decides.
import assert from 'node:assert/strict';
import type { MessageId } from '../protocol/ids.ts';
import { asMessageId } from '../protocol/ids.ts';
import { clearRange, commit, pagesOf } from './database.ts';
import type { Batch, Database, PageSizes } from './database.ts';
import { KnownIds } from './known-ids.ts';
import {
  childKey,
  childRange,
  childrenBetween,
  decodeNumber,
  decodePending,
  decodePosition,
  encodeId,
  encodeNumber,
  encodePending,
  encodePosition,
  familyRange,
  idKey,
  idOfKey,
  idPieceRange,
  idText,
  indexSpaces,
  indexationKey,
  indexationRange,
  layoutVersion,
  parentOfChildKey,
  pendingKey,
  positionKey,
  seqOfKey,
  spaceRange,
} from './layout.ts';
import type { Position, SeqRange } from './layout.ts';
import type { FoundMessage, IdPage, PendingRecord, StoredMessage } from './store.ts';

const pendingKeysPerPage = 1_000;
const idPieces = 16;
export const indexPieces = idPieces + 1;
const familyPageSizes = { first: 2_000, next: 2_000 };
const nothing = Buffer.alloc(0);

export interface IndexEntry extends Pick<StoredMessage, 'seq' | 'id' | 'isLazy'> {
  /** 0 for the genesis; other entry points have no place here. */
  readonly parentSeqs: readonly number[];
  readonly indexKey: Uint8Array | undefined;
}

export type ForgottenEntry = Pick<IndexEntry, 'seq' | 'id' | 'indexKey'>;

export class Index implements AsyncDisposable {
  readonly #db: Database;
  /** By `idText`; as many as the tangle lets wait. */
  readonly #pendingIds = new Set<string>();
  readonly #knownIds: KnownIds;
  #position: Position | undefined;

  private constructor(db: Database, filterBytes: number, position: Position | undefined) {
    this.#db = db;
    this.#knownIds = new KnownIds(db, filterBytes);
    this.#position = position;
  }

  /** `filterBytes` bounds what it remembers of the ids that it knows. */
  static async open(db: Database, filterBytes: number): Promise<Index> {
    const value = await db.get(positionKey);
    const position = value === undefined ? undefined : decodePosition(value);
    const index = new Index(db, filterBytes, position);
    const sizes = { first: pendingKeysPerPage, next: pendingKeysPerPage };
    for await (const keys of pagesOf(db.keys(spaceRange(indexSpaces.pending)), sizes)) {
      for (const key of keys) index.#pendingIds.add(idText(idOfKey(key)));
    }
    return index;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#knownIds[Symbol.asyncDispose]();
    await this.#db.close();
  }

  /** From when it is done on, ids that are not here are mostly told from memory. */
  learnIds(): Promise<void> {
    return this.#knownIds.learn();
  }

  /** Undefined in an empty index. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Says which log this is a view of, and how far. */
  async settle(logId: Buffer, indexedUpToSeq: number): Promise<void> {
    const batch = this.#db.batch();
    this.#putPosition(batch, { layout: layoutVersion, logId, indexedUpToSeq });
    await commit(batch, { sync: true });
  }

  /** One batch; what becomes findable is pending no longer. */
  async add(entries: readonly IndexEntry[], { sync } = { sync: false }): Promise<void> {
    assert.ok(this.#position !== undefined, 'the index was settled on a log when it was opened');
    const batch = this.#db.batch();
    for (const entry of entries) {
      putEntry(batch, entry);
      this.#dropPending(batch, entry.id);
    }
    const lastSeq = entries.at(-1)?.seq ?? 0;
    const indexedUpToSeq = Math.max(this.#position.indexedUpToSeq, lastSeq);
    this.#putPosition(batch, { ...this.#position, indexedUpToSeq });
    await commit(batch, { sync });
    this.#knownIds.add(entries.map(({ id }) => id));
  }

  #putPosition(batch: Batch, position: Position): void {
    batch.put(positionKey, encodePosition(position));
    this.#position = position;
  }

  /** In the order of the ids. */
  async locate(ids: readonly MessageId[]): Promise<readonly (number | undefined)[]> {
    const asked = ids.filter((id) => this.#knownIds.mayHave(id));
    if (asked.length === 0) return ids.map(() => undefined);
    const values = await this.#db.getMany(asked.map(idKey));
    const found = new Map(asked.map((id, position) => [id, values[position]]));
    return ids.map((id) => {
      const value = found.get(id);
      return value === undefined ? undefined : decodeNumber(value);
    });
  }

  locateSync(id: MessageId): number | undefined {
    const value = this.#knownIds.mayHave(id) ? this.#db.getSync(idKey(id)) : undefined;
    return value === undefined ? undefined : decodeNumber(value);
  }

  /** Seqs in the order of arrival; all children: the lazy ones last. */
  async *childPages(
    parentSeq: number,
    which: 'all' | 'not lazy',
    sizes: PageSizes,
  ): AsyncGenerator<readonly number[], void, undefined> {
    for await (const keys of pagesOf(this.#db.keys(childRange(parentSeq, which)), sizes)) {
      yield keys.map(seqOfKey);
    }
  }

  /** 0 when it has none. */
  async newestChild(parentSeq: number): Promise<number> {
    const newest = { reverse: true, limit: 1 };
    const [steady, any] = await Promise.all([
      this.#db.keys({ ...childRange(parentSeq, 'not lazy'), ...newest }).all(),
      this.#db.keys({ ...childRange(parentSeq, 'all'), ...newest }).all(),
    ]);
    return Math.max(0, ...[...steady, ...any].map(seqOfKey));
  }

  /** The newest child above `lastSeq` of each parent in the range that has one. */
  async childrenBeyond({ firstSeq, lastSeq }: SeqRange): Promise<Map<number, number>> {
    const newest = new Map<number, number>();
    const walk = this.#db.keys(familyRange(firstSeq, lastSeq));
    for await (const keys of pagesOf(walk, familyPageSizes)) {
      for (const key of keys) {
        const childSeq = seqOfKey(key);
        if (childSeq <= lastSeq) continue;
        const parentSeq = parentOfChildKey(key);
        newest.set(parentSeq, Math.max(childSeq, newest.get(parentSeq) ?? 0));
      }
    }
    return newest;
  }

  /** Removes how messages are found by id and by indexation key. */
  async forgetIds(entries: readonly ForgottenEntry[]): Promise<void> {
    const batch = this.#db.batch();
    for (const { seq, id, indexKey } of entries) {
      batch.del(idKey(id));
      if (indexKey !== undefined) batch.del(indexationKey(indexKey, seq));
    }
    await commit(batch, { sync: false });
  }

  /** Removes the children of all in the range, and these themselves as children of the genesis. */
  async forgetChildren(range: SeqRange): Promise<void> {
    await clearRange(this.#db, familyRange(range.firstSeq, range.lastSeq));
    await clearRange(this.#db, childrenBetween(0, false, range));
    await clearRange(this.#db, childrenBetween(0, true, range));
  }

  /** Takes the children of pruned parents off the disk. */
  async compactChildren(cutSeq: number): Promise<void> {
    const { gte, lt } = familyRange(0, cutSeq);
    await this.#db.compactRange(gte, lt);
  }

  /** Ids lie at random, so all of them are merged to be rid of some: in pieces, and the indexation keys last. */
  async compactPiece(piece: number): Promise<void> {
    const { gte, lt } =
      piece < idPieces ? idPieceRange(piece, idPieces) : spaceRange(indexSpaces.indexation);
    await this.#db.compactRange(gte, lt);
  }

  /** Messages with the key and a seq below `beforeSeq`, newest first. */
  async *foundPages(
    key: Uint8Array,
    beforeSeq: number,
    size: number,
  ): AsyncGenerator<readonly FoundMessage[], void, undefined> {
    const newestFirst = { ...indexationRange(key, beforeSeq), reverse: true };
    for await (const page of pagesOf(this.#db.iterator(newestFirst), { first: size, next: size })) {
      yield page.map(([found, id]) => ({ seq: seqOfKey(found), id: asMessageId(id) }));
    }
  }

  async addPending(records: readonly PendingRecord[], { sync } = { sync: false }): Promise<void> {
    const batch = this.#db.batch();
    for (const record of records) {
      batch.put(pendingKey(record.id), encodePending(record));
      this.#pendingIds.add(idText(record.id));
    }
    await commit(batch, { sync });
  }

  async removePending(ids: readonly MessageId[]): Promise<void> {
    const batch = this.#db.batch();
    for (const id of ids) this.#dropPending(batch, id);
    await commit(batch, { sync: false });
  }

  #dropPending(batch: Batch, id: MessageId): void {
    if (this.#pendingIds.delete(idText(id))) batch.del(pendingKey(id));
  }

  async getPending(id: MessageId): Promise<PendingRecord | undefined> {
    if (!this.#pendingIds.has(idText(id))) return undefined;
    const value = await this.#db.get(pendingKey(id));
    return value === undefined ? undefined : decodePending(id, value);
  }

  /** In the order of ids. */
  async readPending({ afterId, limit }: IdPage): Promise<readonly PendingRecord[]> {
    const { gte, lt } = spaceRange(indexSpaces.pending);
    const range = afterId === undefined ? { gte, lt } : { gt: pendingKey(afterId), lt };
    const found = await this.#db.iterator({ ...range, limit }).all();
    return found.map(([key, value]) => decodePending(idOfKey(key), value));
  }
}

function putEntry(batch: Batch, { seq, id, isLazy, parentSeqs, indexKey }: IndexEntry): void {
  batch.put(idKey(id), encodeNumber(seq));
  for (const parentSeq of parentSeqs) batch.put(childKey(parentSeq, isLazy, seq), nothing);
  if (indexKey !== undefined) batch.put(indexationKey(indexKey, seq), encodeId(id));
}
