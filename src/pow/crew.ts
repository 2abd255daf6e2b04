// Which worker searches for which job.
import type { Job } from './job.ts';
import type { StartSearch } from './miners.ts';
import type { FairQueue } from './scheduler.ts';

export interface CrewHooks {
  readonly startSearch: StartSearch;
  /** Told of a job that leaves the queue, before anyone searches for it. */
  readonly onStart?: ((job: Job) => void) | undefined;
}

/**
 * While jobs wait, each has one worker: that is the most nonces per hash paid for. When none waits,
 * workers without a job help with one that runs: that is the soonest nonce.
 */
export class Crew {
  readonly #queue: FairQueue<Job>;
  readonly #hooks: CrewHooks;
  readonly #running = new Set<Job>();
  readonly #workerCount: number;
  #idleCount: number;

  constructor(workers: number, queue: FairQueue<Job>, hooks: CrewHooks) {
    this.#workerCount = workers;
    this.#queue = queue;
    this.#hooks = hooks;
    this.#idleCount = workers;
  }

  get running(): ReadonlySet<Job> {
    return this.#running;
  }

  /** To be called when a job has come; whenever a worker becomes free it happens by itself. */
  assign(): void {
    while (this.#idleCount > 0) {
      const job = this.#nextJob() ?? leastHelped(this.#running);
      if (job === undefined) return;
      void this.#work(job);
    }
    this.#makeRoom();
  }

  /** To be called when a running job is over, before its workers have come back. */
  dismiss(job: Job): boolean {
    return this.#running.delete(job);
  }

  #nextJob(): Job | undefined {
    const job = this.#queue.next();
    if (job === undefined) return undefined;
    this.#running.add(job);
    this.#hooks.onStart?.(job);
    // The hook may have ended it.
    return this.#running.has(job) ? job : this.#nextJob();
  }

  /** Never rejects: what goes wrong in a search ends its job. */
  async #work(job: Job): Promise<void> {
    this.#idleCount -= 1;
    await job.search(this.#hooks.startSearch);
    this.#idleCount += 1;
    this.assign();
  }

  /** A worker for each job that waits, from the jobs that have more than one. */
  #makeRoom(): void {
    const handCount = [...this.#running].reduce((sum, job) => sum + job.handCount, 0);
    const spare = handCount - this.#running.size;
    const onTheirWay = this.#workerCount - handCount;
    for (let wanted = Math.min(this.#queue.size - onTheirWay, spare); wanted > 0; wanted--) {
      mostHelped(this.#running)?.release();
    }
  }
}

function leastHelped(jobs: ReadonlySet<Job>): Job | undefined {
  return [...jobs].toSorted((a, b) => a.handCount - b.handCount)[0];
}

function mostHelped(jobs: ReadonlySet<Job>): Job | undefined {
  return [...jobs].toSorted((a, b) => b.handCount - a.handCount)[0];
}
