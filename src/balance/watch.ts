// Keeps the facts behind spare compute up to date, some times a second.
import { performance } from 'node:perf_hooks';
import { powRoom, smoothed, spareOf } from './spare.ts';
import type { PowFacts, Spare } from './spare.ts';

export const sampleMs = 100;

export interface WatchDeps {
  /** Names of the checks of /health that fail. */
  readonly failing: () => readonly string[];
  /** Absent when the node does no proof of work for clients. */
  readonly pow?:
    | {
        readonly status: () => Omit<PowFacts, 'jobs'> & {
          readonly running: number;
          readonly queued: number;
        };
      }
    | undefined;
  /** Share of the time since the call before in which the event loop had work. */
  readonly loopBusy?: (() => number) | undefined;
}

/** What a node tells proxies of itself. */
export interface Balance {
  readonly spare: Spare;
  /** Jobs that proxies may have here at a time; undefined without proof of work for clients. */
  readonly powRoom: number | undefined;
  readonly failing: readonly string[];
}

export class SpareWatch implements Disposable {
  readonly #weight: number;
  readonly #deps: WatchDeps;
  readonly #loopBusyNow: () => number;
  readonly #timer: NodeJS.Timeout;
  #loopBusy = 0;
  #jobs = 0;

  /** `weight` is the owner's, 0.01 to 1. */
  constructor(weight: number, deps: WatchDeps) {
    this.#weight = weight;
    this.#deps = deps;
    this.#loopBusyNow = deps.loopBusy ?? measureLoop();
    this.#timer = setInterval(() => this.look(sampleMs), sampleMs).unref();
  }

  /** Takes in what is now, for so long. */
  look(elapsedMs: number): void {
    this.#loopBusy = smoothed(this.#loopBusy, this.#loopBusyNow(), elapsedMs);
    const { running = 0, queued = 0 } = this.#deps.pow?.status() ?? {};
    this.#jobs = smoothed(this.#jobs, running + queued, elapsedMs);
  }

  /** Health counts at once, load as a mean. */
  balance(): Balance {
    const failing = this.#deps.failing();
    const status = this.#deps.pow?.status();
    const spare = spareOf({
      isHealthy: failing.length === 0,
      weight: this.#weight,
      loopBusy: this.#loopBusy,
      pow: status && { ...status, jobs: this.#jobs },
    });
    return { spare, powRoom: status && powRoom(status), failing };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function measureLoop(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
