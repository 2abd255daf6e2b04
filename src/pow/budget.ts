// The account from which all miners take their CPU time, in memory that their threads share.
import assert from 'node:assert/strict';

/** Positions in the two views of the shared memory. */
const bellWord = 0;
const microcoresWord = 1;
const paidUntilUs = 0;
const usedUs = 1;
const hashCount = 2;
const wordBytes = 8;
const totalBytes = 24;

/**
 * Time without mining that may be made up for. Enough for a sleeper who is woken late; well below
 * the 5 % of two seconds by which a window may exceed the budget.
 */
const creditUs = 40_000;

/** One slice of mining: also how long a cancelled job goes on at most. */
export const sliceUs = 1_000;

/** When a miner may begin a slice, and by how much the account was moved for it. */
export interface Turn {
  readonly startUs: number;
  readonly wallUs: number;
}

/**
 * One number says it all: the instant until which the CPU time taken so far is paid for, at so many
 * cores. Who takes more moves it on and begins where it was. So turns come one after the other, each
 * thread sleeps once for each, and none wakes for nothing.
 */
export class CpuAccount {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #totals: BigInt64Array;

  constructor(memory = new SharedArrayBuffer(wordBytes + totalBytes)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, wordBytes / Int32Array.BYTES_PER_ELEMENT);
    this.#totals = new BigInt64Array(memory, wordBytes);
  }

  /** CPU seconds a second for all miners together. Holds from the next turn on, also for sleepers. */
  setCores(cores: number): void {
    assert(cores > 0);
    Atomics.store(this.#words, microcoresWord, Math.max(1, Math.round(cores * 1e6)));
    this.ring();
  }

  /** Wakes all who sleep: they look whether they are still wanted and take a new turn. */
  ring(): void {
    Atomics.add(this.#words, bellWord, 1);
    Atomics.notify(this.#words, bellWord);
  }

  /** Changes with each ring; to be read before what the ring is about. */
  bell(): number {
    return Atomics.load(this.#words, bellWord);
  }

  /** `cpuUs` is negative when less was used than was taken before. */
  take(cpuUs: number, nowUs: number): Turn {
    const wallUs = Math.round((cpuUs * 1e6) / Atomics.load(this.#words, microcoresWord));
    for (;;) {
      const seen = Atomics.load(this.#totals, paidUntilUs);
      const startUs = Math.max(Number(seen), nowUs - creditUs);
      const paid = BigInt(startUs + wallUs);
      const isMine = Atomics.compareExchange(this.#totals, paidUntilUs, seen, paid) === seen;
      if (isMine) return { startUs, wallUs };
    }
  }

  /** For a turn that was not used. */
  giveBack({ wallUs }: Turn): void {
    Atomics.sub(this.#totals, paidUntilUs, BigInt(wallUs));
  }

  /** False when the bell has rung since it was read. */
  sleepUntil(instantUs: number, bell: number): boolean {
    for (;;) {
      const restUs = instantUs - monotonicUs();
      if (restUs <= 0) return true;
      if (Atomics.wait(this.#words, bellWord, bell, restUs / 1_000) !== 'timed-out') return false;
    }
  }

  addUsed(cpuUs: number): void {
    Atomics.add(this.#totals, usedUs, BigInt(cpuUs));
  }

  addHashes(count: number): void {
    Atomics.add(this.#totals, hashCount, BigInt(count));
  }

  /** CPU time of all miners since they started, as their own threads' clocks tell it. */
  get usedUs(): number {
    return Number(Atomics.load(this.#totals, usedUs));
  }

  get hashes(): number {
    return Number(Atomics.load(this.#totals, hashCount));
  }
}

/** One miner's side of the account. Whatever its thread does is paid for, not only the hashing. */
export class Purse {
  readonly #account: CpuAccount;
  #seenUs = threadCpuUs();
  #paidUs = this.#seenUs;

  constructor(account: CpuAccount) {
    this.#account = account;
  }

  /**
   * Sleeps until there is CPU time for a slice; false when nobody wants it any more. The kernel
   * may tell a thread's CPU time some milliseconds late, so what a slice has really cost is settled
   * with the next.
   */
  awaitTurn(isCancelled: () => boolean): boolean {
    for (;;) {
      const bell = this.#account.bell();
      if (isCancelled()) return false;
      const cpuUs = this.#readClock();
      const turn = this.#account.take(cpuUs + sliceUs - this.#paidUs, monotonicUs());
      if (this.#account.sleepUntil(turn.startUs, bell)) {
        this.#paidUs = cpuUs + sliceUs;
        return true;
      }
      this.#account.giveBack(turn);
    }
  }

  #readClock(): number {
    const cpuUs = threadCpuUs();
    this.#account.addUsed(cpuUs - this.#seenUs);
    this.#seenUs = cpuUs;
    return cpuUs;
  }
}

function threadCpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** The same clock in all threads. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
