// Which ids the index may have, in memory, so that a new message is known to be new without asking LevelDB.
// That is not only faster: LevelDB answers misses by compacting the tables that it had to ask.
import type { MessageId } from '../protocol/ids.ts';
import { keysIn, pagesOf } from './database.ts';
import type { Database } from './database.ts';
import { IdFilter, filterBytesPerId } from './id-filter.ts';
import { idStartOfKey, indexSpaces, spaceRange } from './layout.ts';

/** A walk that is held open for longer keeps files from being deleted. */
const pagesPerWalk = 64;
/** Small, because everybody waits while one is taken over: with larger ones searches take three times as long. */
const pageSizes = { first: 128, next: 128 };
const minCapacity = 400_000;
/**
 * Room for as many ids as there are, and when to learn again. A filter that is overfull while the next one is learned
 * asks LevelDB for each tenth new message, and a million messages then cost 6.0 bytes written for each byte of message
 * in place of 4.4 (measured with room for twice as many, learned again when full).
 */
const roomFactor = 4;
const learnAgainShare = 0.75;
/** What a key with its seq takes in a table, at the least. */
const minEntryBytes = 24;
const ids = spaceRange(indexSpaces.ids);

/**
 * The filter is learned from the index at the start, and again before it is full: those that were removed meanwhile
 * are forgotten, and there is room for more than there are.
 */
export class KnownIds implements AsyncDisposable {
  readonly #db: Database;
  readonly #maxCapacity: number;
  /** Undefined until every id has been seen once: then each may be there. */
  #filter: IdFilter | undefined;
  #next: IdFilter | undefined;
  #learnAgainAt = 0;
  #learning: Promise<void> | undefined;
  #isClosing = false;

  constructor(db: Database, maxBytes: number) {
    this.#db = db;
    this.#maxCapacity = Math.floor(maxBytes / filterBytesPerId);
  }

  mayHave(id: MessageId): boolean {
    return this.#filter?.mayHave(id) ?? true;
  }

  /** When they are in the database already: a walk that goes on meanwhile may have passed their place. */
  add(added: readonly MessageId[]): void {
    for (const id of added) {
      this.#filter?.add(id);
      this.#next?.add(id);
    }
    const { addedCount = 0 } = this.#filter ?? {};
    if (addedCount > 0 && addedCount >= this.#learnAgainAt) void this.learn();
  }

  /** In the background; resolves when it is done. A call while it runs joins it. */
  learn(): Promise<void> {
    this.#learning ??= this.#learnAll().finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  /**
   * Owns its errors: a table that cannot be read says so to whoever needs it for an answer, and without a
   * filter everyone asks the database.
   */
  async #learnAll(): Promise<void> {
    try {
      const sizeBytes = await this.#db.approximateSize(ids.gte, ids.lt);
      const wanted = Math.max(minCapacity, (roomFactor * sizeBytes) / minEntryBytes);
      const capacity = Math.min(this.#maxCapacity, Math.ceil(wanted));
      const next = new IdFilter(capacity);
      this.#next = next;
      let lastKey: Buffer | undefined = ids.gte;
      while (lastKey !== undefined && !this.#isClosing) {
        lastKey = await this.#learnSome(next, lastKey);
      }
      if (this.#isClosing) return;
      this.#filter = next;
      this.#learnAgainAt = Math.max(learnAgainShare * capacity, 2 * next.addedCount);
    } catch {
      this.#learnAgainAt = Infinity;
    } finally {
      this.#next = undefined;
    }
  }

  /** Returns where to go on, undefined at the end. */
  async #learnSome(next: IdFilter, afterKey: Buffer): Promise<Buffer | undefined> {
    let lastKey: Buffer | undefined;
    let pageCount = 0;
    for await (const keys of pagesOf(keysIn(this.#db, { gt: afterKey, lt: ids.lt }), pageSizes)) {
      for (const key of keys) next.add(idStartOfKey(key));
      lastKey = keys.at(-1);
      // The event loop has had its turn with each page.
      if (++pageCount === pagesPerWalk || this.#isClosing) break;
    }
    return lastKey;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#learning;
  }
}
