// One message that is to be mined for a client, from admission to its end.
import type { Mining, StartSearch } from './miners.ts';
import type { Claim } from './scheduler.ts';

export interface MineJob {
  /** 32 bytes; must not change while the job lives. */
  readonly digest: Uint8Array;
  /** Trailing zeros that the hash must have at least. */
  readonly zeros: number;
  /** Of the message. */
  readonly sizeBytes: number;
  /** Who asks: address, IPv6 /64 or token. Fairness and quota are between these. */
  readonly client: string;
  readonly signal: AbortSignal;
  /**
   * Gives a new digest, of a message of the same length with fresher parents; called now and then
   * while mining. If it throws, the job ends with that error.
   */
  readonly refresh?: (() => Uint8Array) | undefined;
  /** Called when admitted and some times a second; must not throw. */
  readonly onProgress?: ((progress: MineProgress) => void) | undefined;
}

export interface MineProgress {
  readonly state: 'queued' | 'mining';
  /** 1 is next; 0 while mining. */
  readonly position: number;
  /** Tried so far. */
  readonly hashes: number;
  readonly expectedHashes: number;
  /** Of this job; 0 while it waits. */
  readonly hashesPerSecond: number;
  /** From now on until the nonce is found, on average. The search has no memory: it does not shrink. */
  readonly expectedMs: number;
}

export interface Mined {
  readonly nonce: bigint;
  /** The one the nonce belongs to. */
  readonly digest: Uint8Array;
}

/** Called once, before the client is told. A nonce found early or late costs what was expected. */
type OnEnd = (job: Job, unusedHashes: number) => void;

/** A worker's place at a job. */
interface Hand {
  mining?: Mining | undefined;
}

export class Job implements Claim {
  readonly asked: MineJob;
  readonly cost: number;
  readonly admittedMs: number;
  readonly #end = Promise.withResolvers<Mined>();
  readonly #onEnd: OnEnd;
  readonly #hands = new Set<Hand>();
  readonly #minings = new Set<Mining>();
  #digest: Uint8Array;
  #digestMs: number;
  #spacesGiven = 0;
  #hashesDone = 0;
  #isOver = false;

  constructor(asked: MineJob, admittedMs: number, onEnd: OnEnd) {
    this.asked = asked;
    this.cost = expectedHashes(asked.zeros);
    this.admittedMs = admittedMs;
    this.#onEnd = onEnd;
    this.#digest = asked.digest;
    this.#digestMs = admittedMs;
  }

  get client(): string {
    return this.asked.client;
  }

  /** How it ends, as its client is told. */
  get mined(): Promise<Mined> {
    return this.#end.promise;
  }

  /** Workers that search for it. */
  get handCount(): number {
    return this.#hands.size;
  }

  get hashes(): number {
    return [...this.#minings].reduce((sum, mining) => sum + mining.hashes(), this.#hashesDone);
  }

  /** One worker's search; resolves when the worker is free again. */
  async search(start: StartSearch): Promise<void> {
    const hand: Hand = {};
    this.#hands.add(hand);
    try {
      while (this.#hands.has(hand)) await this.#searchOnce(hand, start);
    } catch (error) {
      this.fail(error);
    }
  }

  /** A digest at a time: `refresh` ends the search for the old one. */
  async #searchOnce(hand: Hand, start: StartSearch): Promise<void> {
    const digest = this.#digest;
    // Each search its own space: one that was begun again elsewhere would try the same nonces.
    const space = this.#spacesGiven++ & 0xffff;
    const mining = start({ digest, zeros: this.asked.zeros, space });
    hand.mining = mining;
    this.#minings.add(mining);
    const nonce = await mining.nonce;
    this.#minings.delete(mining);
    this.#hashesDone += mining.hashes();
    if (nonce !== undefined) this.#over(0, () => this.#end.resolve({ nonce, digest }));
  }

  /** Sends one worker away; the others search on. */
  release(): void {
    const [hand] = this.#hands;
    if (hand === undefined) return;
    this.#hands.delete(hand);
    hand.mining?.cancel();
  }

  /** Fresh parents if they are due; the workers stay. A search has no memory, so nothing is lost. */
  refreshIfDue(nowMs: number, intervalMs: number): void {
    const { refresh } = this.asked;
    if (refresh === undefined || nowMs - this.#digestMs < intervalMs) return;
    try {
      this.#digest = refresh();
      this.#digestMs = nowMs;
    } catch (error) {
      this.fail(error);
    }
    for (const { mining } of this.#hands) mining?.cancel();
  }

  fail(error: unknown): void {
    const unusedHashes = Math.max(0, this.cost - this.hashes);
    this.#over(unusedHashes, () => this.#end.reject(error));
  }

  #over(unusedHashes: number, tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    while (this.#hands.size > 0) this.release();
    this.#onEnd(this, unusedHashes);
    tell();
  }
}

/** A hash ends in a zero with a chance of one in three. */
export function expectedHashes(zeros: number): number {
  return 3 ** zeros;
}
