// Proof of work for clients: who is admitted, in which order, with how much of the machine, for how long.
import assert from 'node:assert/strict';
import { addAbortListener } from 'node:events';
import os from 'node:os';
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { largestSizeFor, requiredZeros } from '../protocol/score.ts';
import { CpuAccount } from './budget.ts';
import { chooseMiner } from './choose.ts';
import { Crew } from './crew.ts';
import { forecast } from './forecast.ts';
import { Governor } from './governor.ts';
import { expectedHashes, Job } from './job.ts';
import type { Mined, MineJob, MineProgress } from './job.ts';
import { Miners } from './miners.ts';
import { Quota } from './quota.ts';
import { FairQueue } from './scheduler.ts';
import { calibrate } from './speed.ts';
import type { PowEstimate, PowStatus } from './status.ts';

export type { Mined, MineJob, MineProgress } from './job.ts';

export interface PowServiceOptions {
  /** Threads. */
  readonly workers: number;
  /** Share of all cores, 0.05 to 1. */
  readonly cpuBudget: number;
  readonly maxZeros: number;
  /** Jobs that may wait while all workers are busy. */
  readonly queueSize: number;
  readonly refreshTipsIntervalMs: number;
  /** From admission to nonce. */
  readonly maxJobMs: number;
  /** Of one client; 0 is no quota. */
  readonly quotaHashesPerMinute: number;
  readonly minPowScore: number;
  readonly wideVectors: boolean;
}

export interface PowServiceDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** How late the event loop is now; without it the service looks at its own timer. */
  readonly eventLoopDelayMs?: (() => number) | undefined;
  /** For tests: another module than worker.ts that exports `mine`. */
  readonly workerUrl?: URL | undefined;
}

export interface PowService extends AsyncDisposable {
  /**
   * Finds a nonce, checked by the scalar reference before it is handed out.
   *
   * @throws TangleError POW_TOO_HARD (details.largestSizeBytes), POW_BUSY, POW_QUOTA, POW_DEADLINE
   * (each with details.retryAfterSeconds), POW_ABORTED after the signal, POW_FAILED, STOPPING.
   */
  mine(job: MineJob): Promise<Mined>;
  status(): PowStatus;
  estimate(sizeBytes: number): PowEstimate;
  /** 0.05 to 1; at once. */
  setCpuBudget(share: number): void;
}

/** @throws TangleError POW_FAILED when nothing can mine on this machine. */
export async function openPowService(
  options: PowServiceOptions,
  deps: PowServiceDeps,
): Promise<PowService> {
  const { log, workerUrl, eventLoopDelayMs } = deps;
  const { workers, wideVectors, cpuBudget } = options;
  const kernel = chooseMiner({
    wideVectors,
    onRefused: (name, err) => log.warn({ name, err }, 'a proof of work kernel cannot be used'),
  });
  const account = new CpuAccount();
  const governor = new Governor(
    { cpuBudget, workers, hashesPerCpuSecond: calibrate(kernel) },
    { account, eventLoopDelayMs },
  );
  const miners = await Miners.open({ workers, kernel }, { log, account, workerUrl });
  return new FairPowService(options, { clock: deps.clock, kernel: kernel.name, governor, miners });
}

interface Parts {
  readonly clock: Clock;
  readonly kernel: string;
  readonly governor: Governor;
  readonly miners: Miners;
}

class FairPowService implements PowService {
  readonly #options: PowServiceOptions;
  readonly #parts: Parts;
  readonly #queue: FairQueue<Job>;
  readonly #crew: Crew;
  readonly #quota: Quota;
  #isClosing = false;

  constructor(options: PowServiceOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#queue = new FairQueue(options.queueSize);
    this.#crew = new Crew(options.workers, this.#queue, {
      startSearch: (search) => parts.miners.search(search),
      // Its parents may be as old as its wait was long.
      onStart: (job) => job.refreshIfDue(parts.clock.now(), options.refreshTipsIntervalMs),
    });
    this.#quota = new Quota(options.quotaHashesPerMinute, parts.clock);
  }

  async mine(asked: MineJob): Promise<Mined> {
    this.#refuse(asked);
    const job = new Job(asked, this.#parts.clock.now(), (over, unusedHashes) =>
      this.#onEnd(over, unusedHashes),
    );
    this.#admit(job);
    using _ = addAbortListener(asked.signal, () => job.fail(new TangleError('POW_ABORTED')));
    this.#crew.assign();
    this.#parts.governor.watch(() => this.#look());
    this.#tell([job]);
    return await job.mined;
  }

  status(): PowStatus {
    const { workers, maxZeros, queueSize } = this.#options;
    const { kernel, governor } = this.#parts;
    const { hashesPerSecond, cores } = governor.speed();
    return {
      kernel,
      workers,
      cpuBudget: governor.cpuBudget,
      ...governor.totals,
      usedShare: cores / os.availableParallelism(),
      hashesPerSecond,
      maxZeros,
      running: this.#crew.running.size,
      queued: this.#queue.size,
      queueSize,
      queuedHashes: this.#queue.hashes,
      isBackingOff: governor.isBackingOff,
    };
  }

  estimate(sizeBytes: number): PowEstimate {
    const { maxZeros, minPowScore, maxJobMs } = this.#options;
    const zeros = requiredZeros(sizeBytes, minPowScore);
    const claim = { client: '', cost: expectedHashes(zeros) };
    const { queueMs, miningMs } = this.#forecast(claim.cost, this.#queue.hashesAhead(claim));
    const isInTime = queueMs + miningMs <= maxJobMs;
    return {
      sizeBytes,
      zeros,
      expectedHashes: claim.cost,
      expectedMs: miningMs,
      queueMs,
      isAccepted: zeros <= maxZeros && isInTime && this.#queue.loserTo(claim) !== claim,
    };
  }

  setCpuBudget(share: number): void {
    this.#parts.governor.setCpuBudget(share);
  }

  /** Whatever waits or runs ends with STOPPING. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    for (const job of this.#jobs()) job.fail(new TangleError('STOPPING'));
    this.#parts.governor[Symbol.dispose]();
    await this.#parts.miners[Symbol.asyncDispose]();
  }

  #refuse({ digest, signal, zeros, sizeBytes, client }: MineJob): void {
    assert(digest.length === 32);
    const { maxZeros, minPowScore, maxJobMs } = this.#options;
    if (this.#isClosing) throw new TangleError('STOPPING');
    if (signal.aborted) throw new TangleError('POW_ABORTED');
    if (zeros > maxZeros) throw tooHard(sizeBytes, largestSizeFor(maxZeros, minPowScore));
    const cost = expectedHashes(zeros);
    this.#quota.check(client, cost);
    const { queueMs, miningMs } = this.#forecast(cost, this.#queue.hashesAhead({ client, cost }));
    if (queueMs + miningMs > maxJobMs) throw this.#later('POW_DEADLINE');
  }

  #admit(job: Job): void {
    const loser = this.#queue.loserTo(job);
    if (loser === job) throw this.#later('POW_BUSY');
    loser?.fail(this.#later('POW_BUSY'));
    this.#queue.add(job);
    this.#quota.take(job.client, job.cost);
  }

  #onEnd(job: Job, unusedHashes: number): void {
    if (this.#crew.dismiss(job)) this.#queue.end(job, unusedHashes);
    else this.#queue.remove(job);
    this.#quota.giveBack(job.client, unusedHashes, job.admittedMs);
    // What waits starts when a worker comes back, and must be looked after from then on.
    if (this.#crew.running.size + this.#queue.size === 0) this.#parts.governor.pause();
  }

  /** Some times a second, as long as there are jobs. */
  #look(): void {
    const nowMs = this.#parts.clock.now();
    const { maxJobMs, refreshTipsIntervalMs } = this.#options;
    for (const job of this.#jobs()) {
      if (nowMs - job.admittedMs > maxJobMs) job.fail(this.#later('POW_DEADLINE'));
    }
    for (const job of this.#crew.running) job.refreshIfDue(nowMs, refreshTipsIntervalMs);
    this.#tell(this.#jobs());
  }

  #tell(jobs: readonly Job[]): void {
    if (jobs.every(({ asked }) => asked.onProgress === undefined)) return;
    const order = this.#queue.inOrder();
    for (const job of jobs) {
      const index = order.indexOf(job);
      job.asked.onProgress?.(
        index === -1 ? this.#miningProgress(job) : this.#queuedProgress(order, index),
      );
    }
  }

  #miningProgress(job: Job): MineProgress {
    const { workers } = this.#options;
    const hashesPerSecond =
      (this.#parts.governor.speed().hashesPerSecond * job.handCount) / workers;
    return {
      state: 'mining',
      position: 0,
      hashes: job.hashes,
      expectedHashes: job.cost,
      hashesPerSecond,
      expectedMs: (job.cost / hashesPerSecond) * 1_000,
    };
  }

  #queuedProgress(order: readonly Job[], index: number): MineProgress {
    const cost = order[index]?.cost ?? 0;
    const hashesAhead = order.slice(0, index).reduce((sum, ahead) => sum + ahead.cost, 0);
    const { queueMs, miningMs } = this.#forecast(cost, hashesAhead);
    return {
      state: 'queued',
      position: index + 1,
      hashes: 0,
      expectedHashes: cost,
      hashesPerSecond: 0,
      expectedMs: queueMs + miningMs,
    };
  }

  #jobs(): Job[] {
    return [...this.#crew.running, ...this.#queue.inOrder()];
  }

  #forecast(cost: number, hashesAhead: number) {
    return forecast({
      cost,
      hashesAhead,
      runningCosts: [...this.#crew.running].map((job) => job.cost),
      workers: this.#options.workers,
      hashesPerSecond: this.#parts.governor.speed().hashesPerSecond,
    });
  }

  /** When what waits now will have been done. */
  #later(code: 'POW_BUSY' | 'POW_DEADLINE'): TangleError {
    const running = [...this.#crew.running].reduce(
      (sum, { cost, hashes }) => sum + Math.max(0, cost - hashes),
      0,
    );
    const seconds = (this.#queue.hashes + running) / this.#parts.governor.speed().hashesPerSecond;
    return new TangleError(code, undefined, {
      details: { retryAfterSeconds: Math.min(3_600, Math.max(1, Math.ceil(seconds))) },
    });
  }
}

function tooHard(sizeBytes: number, largestSizeBytes: number): TangleError {
  return new TangleError(
    'POW_TOO_HARD',
    `The message has ${sizeBytes} bytes; this node does the work for up to ${largestSizeBytes}.`,
    { details: { largestSizeBytes } },
  );
}
