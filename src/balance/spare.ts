// How much more a node could do, as one number: what proxies share requests out by. Pure.

/** What a node knows of itself, mean values of the last moments. */
export interface SpareFacts {
  /** Every check of /health is fine, the store's among them. */
  readonly isHealthy: boolean;
  /** The owner's word, 0.01 to 1: how much of what is free may be offered. */
  readonly weight: number;
  /** Share of the time in which the event loop had work, 0 to 1. */
  readonly loopBusy: number;
  /** Undefined when the node does no proof of work for clients. */
  readonly pow: PowFacts | undefined;
}

export interface PowFacts {
  /** Jobs that can be mined side by side. */
  readonly workers: number;
  /** Jobs that may wait. */
  readonly queueSize: number;
  /** Running and waiting. */
  readonly jobs: number;
  /** Of all workers together, within the budget. */
  readonly hashesPerSecond: number;
}

/** From 0, which is nothing, to 1. */
export interface Spare {
  /** For reads, and for messages that come with their nonce: the event loop. */
  readonly api: number;
  /** For messages to be mined: the budget, as far as jobs have left it free. */
  readonly pow: number;
}

/**
 * Speed at which a free budget counts as 1: some four cores. Nodes of different size need one scale; a
 * percentage has room for nodes of a hundredth of it, and whoever has more is told by `powRoom`.
 */
export const fullHashesPerSecond = 32_000_000;

/**
 * Jobs for each worker that may wait at the node while a proxy still sends more. Some must: with none, a
 * node that is full refuses at once, has the fewest connections therefore, and is sent everything. More
 * would wait here for minutes while another node is done.
 */
export const waitingPerWorker = 4;

/** Not the load average of the host: several nodes on one host would all say the same. */
export function spareOf({ isHealthy, weight, loopBusy, pow }: SpareFacts): Spare {
  if (!isHealthy) return { api: 0, pow: 0 };
  const api = weight * (1 - share(loopBusy));
  return { api, pow: pow === undefined ? 0 : api * powShare(pow) };
}

/** Jobs that proxies may have at the node at a time. */
export function powRoom({ workers, queueSize }: Pick<PowFacts, 'workers' | 'queueSize'>): number {
  return workers + Math.min(queueSize, waitingPerWorker * workers);
}

function powShare(pow: PowFacts): number {
  const free = 1 - share(pow.jobs / powRoom(pow));
  return free * share(pow.hashesPerSecond / fullHashesPerSecond);
}

/** How long ago counts for a third; proxies ask some times a second, and a change shall be seen within one. */
const memoryMs = 300;

/** A mean over the last moments, so that one slow request, or one job, does not turn all the proxies around. */
export function smoothed(before: number, now: number, elapsedMs: number): number {
  return before + (now - before) * (1 - Math.exp(-elapsedMs / memoryMs));
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}
