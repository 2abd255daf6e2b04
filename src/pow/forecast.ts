// How long a job would take that comes now. Pure.

export interface Forecast {
  readonly queueMs: number;
  readonly miningMs: number;
}

export interface Situation {
  /** Expected hashes of the job. */
  readonly cost: number;
  /** Of the jobs that are being mined. */
  readonly runningCosts: readonly number[];
  /** Of the jobs that wait and will be served before it. */
  readonly hashesAhead: number;
  readonly workers: number;
  /** Of all workers together. */
  readonly hashesPerSecond: number;
}

/** Means. A search has no memory: a running job needs as much again as at its beginning. */
export function forecast(situation: Situation): Forecast {
  const { cost, runningCosts, hashesAhead, workers, hashesPerSecond } = situation;
  const sharedBy = Math.min(workers, runningCosts.length + 1);
  const hashesBefore = hashesUntilWorkerIsFree(runningCosts, workers) + hashesAhead;
  return {
    queueMs: (hashesBefore / hashesPerSecond) * 1_000,
    miningMs: ((cost * sharedBy) / hashesPerSecond) * 1_000,
  };
}

/** Hashes of all workers until the first of the running jobs ends, each with one worker. */
function hashesUntilWorkerIsFree(runningCosts: readonly number[], workers: number): number {
  if (runningCosts.length < workers) return 0;
  const endsPerHash = runningCosts.reduce((sum, cost) => sum + 1 / cost / workers, 0);
  return 1 / endsPerHash;
}
