// Messages that were read last, whole: clients and neighbours ask for the same ones again and again, and finding one in
// both databases and proving it takes 20 us of a busy node.
import type { StoredMessage } from './store.ts';

/** Of the Map entry, the key, the record and its buffers. */
const entryBytes = 500;

/**
 * Keys are those of `idText`. A record never changes, so none is ever too old; whether it is still stored is for the
 * caller to know. Bounded: two generations, of which the older is dropped when the younger has half of the bytes.
 */
export class LastRead {
  readonly #maxPerGeneration: number;
  #young = new Map<string, StoredMessage>();
  #old = new Map<string, StoredMessage>();
  #youngBytes = 0;

  constructor(cacheBytes: number) {
    this.#maxPerGeneration = cacheBytes / 2;
  }

  get(key: string): StoredMessage | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.keep(key, old);
    return old;
  }

  keep(key: string, record: StoredMessage): void {
    this.#young.set(key, record);
    this.#youngBytes += entryBytes + record.bytes.length;
    if (this.#youngBytes < this.#maxPerGeneration) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}
