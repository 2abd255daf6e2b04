// How much of the machine mining takes at the moment, and how fast it is with that.
import assert from 'node:assert/strict';
import os from 'node:os';
import { nextShare } from './back-off.ts';
import { monotonicUs } from './budget.ts';
import type { CpuAccount } from './budget.ts';
import { Speed } from './speed.ts';

export interface GovernorOptions {
  /** Share of all cores, 0.05 to 1. */
  readonly cpuBudget: number;
  readonly workers: number;
  /** What one core does. */
  readonly hashesPerCpuSecond: number;
}

export interface GovernorDeps {
  readonly account: CpuAccount;
  /** How late the event loop is now; without it, the governor goes by its own timer. */
  readonly eventLoopDelayMs?: (() => number) | undefined;
}

const lookMs = 200;

export class Governor implements Disposable {
  readonly #cores = os.availableParallelism();
  readonly #workers: number;
  readonly #account: CpuAccount;
  readonly #eventLoopDelayMs: (() => number) | undefined;
  readonly #speed: Speed;
  #budget: number;
  /** The budget, or less while the node is late. */
  #share: number;
  #timer: NodeJS.Timeout | undefined;
  #last: Reading;
  #isWorking = false;
  /** Since when nothing is mined, as far as the speed has been told. */
  #restingUs = monotonicUs();
  /** Since the last look; else what was measured is not the speed. */
  #isUninterrupted = false;

  constructor(options: GovernorOptions, { account, eventLoopDelayMs }: GovernorDeps) {
    this.#workers = options.workers;
    this.#account = account;
    this.#eventLoopDelayMs = eventLoopDelayMs;
    this.#budget = options.cpuBudget;
    this.#share = options.cpuBudget;
    this.#speed = new Speed(options.hashesPerCpuSecond * this.#coresFor(this.#share));
    this.#last = this.#read();
    this.setCpuBudget(options.cpuBudget);
  }

  get cpuBudget(): number {
    return this.#budget;
  }

  /** As measured, of all workers together, over the last seconds. */
  speed(): Pick<Speed, 'hashesPerSecond' | 'cores'> {
    if (!this.#isWorking) this.#rest();
    return this.#speed;
  }

  /** Since the start. */
  get totals(): { readonly cpuMs: number; readonly hashes: number } {
    return { cpuMs: this.#account.usedUs / 1_000, hashes: this.#account.hashes };
  }

  get isBackingOff(): boolean {
    return this.#share < this.#budget;
  }

  setCpuBudget(share: number): void {
    assert(share >= 0.05 && share <= 1);
    this.#budget = share;
    this.#setShare(share);
  }

  /** Miners are at work from now on; `onLook` is called some times a second until `pause`. */
  watch(onLook: () => void): void {
    if (!this.#isWorking) this.#rest();
    this.#isWorking = true;
    if (this.#timer !== undefined) return;
    this.#last = this.#read();
    this.#isUninterrupted = true;
    this.#timer = setInterval(() => this.#look(onLook), lookMs).unref();
  }

  /** No miner is at work any more. */
  pause(): void {
    this.#isWorking = false;
    this.#isUninterrupted = false;
    this.#restingUs = monotonicUs();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(onLook: () => void): void {
    const now = this.#read();
    const elapsedUs = now.us - this.#last.us;
    if (this.#isUninterrupted) {
      const hashes = now.hashes - this.#last.hashes;
      this.#speed.add({ hashes, cpuUs: now.cpuUs - this.#last.cpuUs, elapsedUs });
    }
    this.#last = now;
    this.#isUninterrupted = this.#isWorking;
    const delayMs = this.#eventLoopDelayMs?.() ?? elapsedUs / 1_000 - lookMs;
    this.#setShare(nextShare(this.#share, this.#budget, delayMs));
    if (this.#isWorking) onLook();
    else if (!this.isBackingOff) this[Symbol.dispose]();
  }

  #rest(): void {
    const nowUs = monotonicUs();
    this.#speed.rest(nowUs - this.#restingUs);
    this.#restingUs = nowUs;
  }

  #setShare(share: number): void {
    this.#speed.scale(this.#coresFor(share) / this.#coresFor(this.#share));
    this.#share = share;
    this.#account.setCores(share * this.#cores);
  }

  #coresFor(share: number): number {
    return Math.min(share * this.#cores, this.#workers);
  }

  #read(): Reading {
    return { us: monotonicUs(), hashes: this.#account.hashes, cpuUs: this.#account.usedUs };
  }
}

interface Reading {
  readonly us: number;
  readonly hashes: number;
  readonly cpuUs: number;
}
