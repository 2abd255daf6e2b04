// The order in which a miner tries nonces: each differs from the one before in a single trit.

/**
 * Counts through all values of some trits, beginning with all -1, so that each step moves one trit
 * by one: the reflected ternary Gray code. As in plain counting, trit k has its turn at the steps
 * that 3^k divides and 3^(k + 1) does not; but it swings from end to end and back where a plain
 * counter would carry.
 */
export class GrayCounter {
  readonly trits: Int8Array;
  readonly #directions: Int8Array;
  #step = 0;

  constructor(tritCount: number) {
    this.trits = new Int8Array(tritCount).fill(-1);
    this.#directions = new Int8Array(tritCount).fill(1);
  }

  /** Moves on and tells which trit changed. Ends, meaninglessly, after 3^tritCount values. */
  advance(): number {
    this.#step += 1;
    let index = 0;
    for (let rest = this.#step; rest % 3 === 0; rest /= 3) index += 1;
    const trit = (this.trits[index] ?? 0) + (this.#directions[index] ?? 0);
    this.trits[index] = trit;
    if (trit !== 0) this.#directions[index] = -trit;
    return index;
  }
}
