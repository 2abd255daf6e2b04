// Facts of the messages that were used last, so that taking in a message mostly asks no database.
import type { Facts } from './store.ts';

/** Measured: 173 for a Map entry with its text key and its Facts, more while the Map grows. */
const entryBytes = 250;
const minEntries = 1_000;

/**
 * Keys are those of `idText`. Bounded: two generations of half the size each, of which the older is dropped when the younger is full.
 * Never older than the databases: an append replaces the facts that it changes, and what was read from
 * the databases meanwhile is not kept.
 */
export class Recent {
  readonly #maxPerGeneration: number;
  #young = new Map<string, Facts>();
  #old = new Map<string, Facts>();
  #changeCount = 0;

  constructor(cacheBytes: number) {
    this.#maxPerGeneration = Math.max(minEntries, cacheBytes / entryBytes) / 2;
  }

  get(key: string): Facts | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#keep(key, old);
    return old;
  }

  /** Taken before a read, given to `keepRead` after it. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Keeps what was read, unless an append may have overtaken it. Returns the newest that is known. */
  keepRead(key: string, read: Facts, changeCount: number): Facts {
    const known = this.get(key);
    if (known !== undefined) return known;
    if (changeCount === this.#changeCount) this.#keep(key, read);
    return read;
  }

  /** What an append changed. */
  change(changed: ReadonlyMap<string, Facts>): void {
    this.#changeCount += 1;
    for (const [key, facts] of changed) this.#keep(key, facts);
  }

  #keep(key: string, facts: Facts): void {
    this.#young.set(key, facts);
    if (this.#young.size < this.#maxPerGeneration) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
