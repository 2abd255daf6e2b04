// The index database: what of the log is found by id, by parent and by indexation key, and what waits for
// its parents. A view that can be made again; never fsynced in daily work. It points, the log decides.
import assert from 'node:assert/strict';
import type { MessageId } from '../protocol/ids.ts';
import { asMessageId, idText } from '../protocol/ids.ts';
import { clearRange, commit, keysIn, pagesOf } from './database.ts';
import type { Batch, Database, PageSizes } from './database.ts';
import { KnownIds } from './known-ids.ts';
import { farDistance, farRange } from './far-layout.ts';
import { FamilyWatch } from './family-watch.ts';
import { delEntry, putEntry } from './index-entry.ts';
import type { IndexEntry } from './index-entry.ts';
import {
  childRange,
  childrenBetween,
  decodeNumber,
  decodePending,
  decodePosition,
  encodePending,
  encodePosition,
  familyRange,
  idKey,
  idOfKey,
  indexLayoutVersion,
  indexSpaces,
  indexationKey,
  indexationRange,
  isLazyChildKey,
  parentOfChildKey,
  pendingKey,
  positionKey,
  seqOfKey,
  spaceRange,
} from './layout.ts';
import type { Position, SeqRange } from './layout.ts';
import type { FoundMessage, IdPage, PendingRecord } from './store.ts';
import { Sweep } from './sweep.ts';

const pendingKeysPerPage = 1_000;
const familyPageSizes = { first: 2_000, next: 2_000 };
/** With more of them a cut looks at all children, as each of these takes a seek. */
const maxFarParents = 256;
const maxFarKeys = 8_192;
/** As much as such a page takes. */
const highWaterMarkBytes = 64 * 1024;

/** Of a parent in a range, what its children above the range are to it. */
export interface Family {
  readonly newestChildSeq: number;
  /** The first of all that is not lazy; 0 when there is none. */
  readonly firstSteadySeq: number;
}

type StagedEntries = (options: { readonly sync: boolean }) => Promise<void>;

/** By `idText`; where the seq is 0 they are elsewhere. */
type Arriving = ReadonlyMap<string, { readonly seq: number }>;

export class Index implements AsyncDisposable {
  readonly #db: Database;
  /** By `idText`; as many as the tangle lets wait. */
  readonly #pendingIds = new Set<string>();
  readonly #knownIds: KnownIds;
  /** What was pruned and has entries still. */
  readonly sweep: Sweep;
  #watch: FamilyWatch | undefined;
  #position: Position | undefined;
  #arriving: Arriving | undefined;
  #settled: Promise<void> | undefined;

  private constructor(
    db: Database,
    filterBytes: number,
    { sweep, position }: { readonly sweep: Sweep; readonly position: Position | undefined },
  ) {
    this.#db = db;
    this.sweep = sweep;
    this.#knownIds = new KnownIds(db, filterBytes);
    this.#position = position;
  }

  /** `filterBytes` bounds what it remembers of the ids that it knows. */
  static async open(db: Database, filterBytes: number): Promise<Index> {
    const value = await db.get(positionKey);
    const position = value === undefined ? undefined : decodePosition(value);
    const index = new Index(db, filterBytes, { sweep: await Sweep.open(db), position });
    const sizes = { first: pendingKeysPerPage, next: pendingKeysPerPage };
    for await (const keys of pagesOf(keysIn(db, spaceRange(indexSpaces.pending)), sizes)) {
      for (const key of keys) index.#pendingIds.add(idText(idOfKey(key)));
    }
    return index;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settled;
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
    this.#putPosition(batch, { layout: indexLayoutVersion, logId, indexedUpToSeq });
    await commit(batch, { sync: true });
  }

  /** One batch; what becomes findable is pending no longer. */
  async add(entries: readonly IndexEntry[], options = { sync: false }): Promise<void> {
    await this.stage(entries)(options);
  }

  /** The same in two steps, of which the second must follow, or the index be opened anew. */
  stage(entries: readonly IndexEntry[]): StagedEntries {
    assert.ok(this.#position !== undefined, 'the index was settled on a log when it was opened');
    const batch = this.#db.batch();
    for (const entry of entries) {
      putEntry(batch, entry);
      this.#watch?.see(entry);
      this.sweep.see(entry.id);
      this.#dropPending(batch, entry.id);
    }
    const lastSeq = entries.at(-1)?.seq ?? 0;
    const indexedUpToSeq = Math.max(this.#position.indexedUpToSeq, lastSeq);
    this.#putPosition(batch, { ...this.#position, indexedUpToSeq });
    return async (options) => {
      await commit(batch, options);
      this.#knownIds.add(entries.map(({ id }) => id));
    };
  }

  /**
   * Begins to write what was staged. Until that has ended, `locateSync` finds it among these facts, and whoever asks
   * for anything else waits for `settled`. Rejects as `commit` does; then the index must be opened anew.
   */
  begin(write: StagedEntries, facts: Arriving): Promise<void> {
    const writing = this.#finish(write);
    this.#arriving = facts;
    this.#settled = writing.catch(() => undefined);
    return writing;
  }

  async #finish(write: StagedEntries): Promise<void> {
    await write({ sync: false });
    this.#arriving = undefined;
    this.#settled = undefined;
  }

  /** When what was begun is written, or could not be; undefined when nothing is on its way. Never rejects. */
  get settled(): Promise<void> | undefined {
    return this.#settled;
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
    const { seq: arrivingSeq = 0 } = this.#arriving?.get(idText(id)) ?? {};
    if (arrivingSeq > 0) return arrivingSeq;
    const value = this.#knownIds.mayHave(id) ? this.#db.getSync(idKey(id)) : undefined;
    return value === undefined ? undefined : decodeNumber(value);
  }

  /** Seqs in the order of arrival; all children: the lazy ones last. */
  async *childPages(
    { parentSeq, afterSeq }: { readonly parentSeq: number; readonly afterSeq: number },
    which: 'all' | 'not lazy',
    sizes: PageSizes,
  ): AsyncGenerator<readonly number[], void, undefined> {
    for (const isLazy of which === 'all' ? [false, true] : [false]) {
      const between = { firstSeq: afterSeq + 1, lastSeq: Infinity };
      const walk = keysIn(this.#db, childrenBetween(parentSeq, isLazy, between));
      for await (const keys of pagesOf(walk, sizes)) yield keys.map(seqOfKey);
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

  /** Asked for between two appends: it sees all that `families` begins too early to see. One at a time. */
  watchFamilies(range: SeqRange): FamilyWatch {
    this.#watch = new FamilyWatch(range, () => {
      this.#watch = undefined;
    });
    return this.#watch;
  }

  /** Of the parents in the range that have children above it, by the seq of the parent. */
  async families(range: SeqRange): Promise<Map<number, Family>> {
    const families = new Map<number, Family>();
    const nearSeq = Math.max(range.firstSeq, range.lastSeq - farDistance + 1);
    const far = await this.#farParents({ ...range, lastSeq: nearSeq - 1 }, range.lastSeq);
    if (far === undefined) await this.#addFamilies(families, range, range.lastSeq);
    else {
      for (const seq of far) {
        await this.#addFamilies(families, { firstSeq: seq, lastSeq: seq }, range.lastSeq);
      }
      await this.#addFamilies(families, { ...range, firstSeq: nearSeq }, range.lastSeq);
    }
    return families;
  }

  /** Those in the range with a far child above a seq; undefined when looking at all children is no more work. */
  async #farParents(
    { firstSeq, lastSeq }: SeqRange,
    aboveSeq: number,
  ): Promise<ReadonlySet<number> | undefined> {
    const parents = new Set<number>();
    if (lastSeq < firstSeq) return parents;
    let left = maxFarKeys;
    const walk = keysIn(this.#db, { ...farRange(firstSeq, lastSeq), highWaterMarkBytes });
    for await (const keys of pagesOf(walk, familyPageSizes)) {
      for (const key of keys) if (seqOfKey(key) > aboveSeq) parents.add(parentOfChildKey(key));
      left -= keys.length;
      if (left < 0 || parents.size > maxFarParents) return undefined;
    }
    return parents;
  }

  async #addFamilies(
    families: Map<number, Family>,
    { firstSeq, lastSeq }: SeqRange,
    aboveSeq: number,
  ): Promise<void> {
    let [parentSeq, firstSteadySeq] = [0, 0];
    const walk = keysIn(this.#db, { ...familyRange(firstSeq, lastSeq), highWaterMarkBytes });
    for await (const keys of pagesOf(walk, familyPageSizes)) {
      for (const key of keys) {
        const childSeq = seqOfKey(key);
        const ofParent = parentOfChildKey(key);
        if (ofParent !== parentSeq) {
          parentSeq = ofParent;
          firstSteadySeq = isLazyChildKey(key) ? 0 : childSeq;
        }
        if (childSeq <= aboveSeq) continue;
        const { newestChildSeq = 0 } = families.get(parentSeq) ?? {};
        const newest = Math.max(childSeq, newestChildSeq);
        families.set(parentSeq, { newestChildSeq: newest, firstSteadySeq });
      }
    }
  }

  /**
   * Removes the children of all in the range. That these are children of the genesis themselves is left to the sweep:
   * LevelDB would step over all families that were removed before it knew that there are no more.
   */
  async forgetChildren(range: SeqRange): Promise<void> {
    await clearRange(this.#db, familyRange(range.firstSeq, range.lastSeq));
    await clearRange(this.#db, farRange(range.firstSeq, range.lastSeq));
  }

  /**
   * What it has of messages that are kept no longer. Who their children are is left to the sweep, as above: to look
   * for them would take 20 ms a message where many were pruned.
   */
  async forget(entries: readonly IndexEntry[]): Promise<void> {
    const seqs = await this.locate(entries.map(({ id }) => id));
    const batch = this.#db.batch();
    for (const [position, entry] of entries.entries()) {
      delEntry(batch, entry, { isFound: seqs[position] === entry.seq });
    }
    await commit(batch, { sync: false });
  }

  /** Of these, newest first, the messages that have the key. */
  async foundAmong(key: Uint8Array, seqs: readonly number[]): Promise<readonly FoundMessage[]> {
    if (seqs.length === 0) return [];
    const newestFirst = seqs.toSorted((a, b) => b - a);
    const ids = await this.#db.getMany(newestFirst.map((seq) => indexationKey(key, seq)));
    return newestFirst.flatMap((seq, position) => {
      const id = ids[position];
      return id === undefined ? [] : [{ seq, id: asMessageId(id) }];
    });
  }

  /** Messages with the key, newest first. */
  async *foundPages(
    key: Uint8Array,
    between: { readonly afterSeq: number; readonly beforeSeq: number },
    size: number,
  ): AsyncGenerator<readonly FoundMessage[], void, undefined> {
    const newestFirst = { ...indexationRange(key, between), reverse: true };
    for await (const page of pagesOf(this.#db.iterator(newestFirst), { first: size, next: size })) {
      yield page.map(([found, id]) => ({ seq: seqOfKey(found), id: asMessageId(id) }));
    }
  }

  /** The first page of these. */
  async foundPage(
    key: Uint8Array,
    between: { readonly afterSeq: number; readonly beforeSeq: number },
    size: number,
  ): Promise<readonly FoundMessage[]> {
    for await (const page of this.foundPages(key, between, size)) return page;
    return [];
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
    if (this.#pendingIds.size === 0) return;
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
