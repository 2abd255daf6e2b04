// The seqs of ids that were seen lately, in bounded memory: parents are mostly young.
/** Some 120 bytes each. */
const maxIds = 100_000;

export class RecentSeqs {
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  /** By `idText`. */
  get(key: string): number | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** At least half of `maxIds` stay. */
  add(key: string, seq: number): void {
    this.#young.set(key, seq);
    if (this.#young.size < maxIds / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
