// A Bloom filter of message ids: an id that it does not know was never added. Pure memory.

/** For each id when the filter is full. */
const bitsPerId = 12;
export const filterBytesPerId = bitsPerId / 8;
/** All bits of an id lie in one block, so that asking costs one cache line. */
const wordsPerBlock = 16;
const bitsSetPerId = 6;
/**
 * An id is a hash already: its first bytes choose the block, 9 bits from each pair behind them a bit. So it looks at
 * the first 16 bytes and no further: those that the index has of an id, too.
 */
const firstBitAt = 4;

export class IdFilter {
  readonly #words: Uint32Array;
  readonly #blockCount: number;
  #addedCount = 0;

  /** A full filter takes 1 % of strange ids for known ones, one that is fuller takes more. */
  constructor(capacity: number) {
    this.#blockCount = Math.max(1, Math.ceil((capacity * bitsPerId) / (wordsPerBlock * 32)));
    this.#words = new Uint32Array(this.#blockCount * wordsPerBlock);
  }

  /** An id that is added twice counts twice. */
  get addedCount(): number {
    return this.#addedCount;
  }

  add(id: Uint8Array): void {
    const block = this.#blockOf(id);
    for (let n = 0; n < bitsSetPerId; n++) {
      const bit = bitOf(id, n);
      const word = block + (bit >>> 5);
      this.#words[word] = (this.#words[word] ?? 0) | (1 << (bit & 31));
    }
    this.#addedCount += 1;
  }

  mayHave(id: Uint8Array): boolean {
    const block = this.#blockOf(id);
    for (let n = 0; n < bitsSetPerId; n++) {
      const bit = bitOf(id, n);
      if (((this.#words[block + (bit >>> 5)] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  #blockOf(id: Uint8Array): number {
    const hash =
      byteOf(id, 0) * 2 ** 24 + byteOf(id, 1) * 2 ** 16 + byteOf(id, 2) * 256 + byteOf(id, 3);
    return Math.floor((hash / 2 ** 32) * this.#blockCount) * wordsPerBlock;
  }
}

function bitOf(id: Uint8Array, n: number): number {
  const at = firstBitAt + 2 * n;
  return ((byteOf(id, at) << 8) | byteOf(id, at + 1)) & 511;
}

function byteOf(id: Uint8Array, at: number): number {
  return id[at] ?? 0;
}
