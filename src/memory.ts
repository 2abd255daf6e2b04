// Gives back to the system what a burst took. V8 keeps the pages of a heap that once was large until it is told
// that memory is short, and nobody tells it (measured after an attack, Node 24: 110 of 280 MB).
import { Session } from 'node:inspector/promises';
import { performance } from 'node:perf_hooks';
import type { Logger } from './log.ts';

const lookMs = 5_000;
/** More than a busy node's memory goes up and down by itself. */
const growthBytes = 32 * 1024 * 1024;
/** Above it the memory is in use, or soon will be again, and the pause would be noticed. */
const idleShare = 0.5;
/** So many looks between two times: a pause of some 60 ms a minute at the most. */
const leastLooks = 12;

/** What one look sees. */
export interface MemoryLook {
  readonly rssBytes: number;
  /** Of the time since the last look, how much the event loop was busy; 0 to 1. */
  readonly busyShare: number;
}

/** Tells when it is worth to give memory back. */
export class MemoryJudge {
  #calmBytes: number;
  #looksToWait = 0;

  constructor(calmBytes: number) {
    this.#calmBytes = calmBytes;
  }

  isWorthIt({ rssBytes, busyShare }: MemoryLook): boolean {
    if (this.#looksToWait > 0) this.#looksToWait -= 1;
    // The start needs much that is never needed again.
    this.#calmBytes = Math.min(this.#calmBytes, rssBytes);
    const hasGrown = rssBytes - this.#calmBytes > growthBytes;
    return hasGrown && busyShare < idleShare && this.#looksToWait === 0;
  }

  /** What is left afterwards is in use. */
  gaveBack(leftBytes: number): void {
    this.#calmBytes = leftBytes;
    this.#looksToWait = leastLooks;
  }
}

export function startMemoryKeeper(log: Logger): Disposable {
  const judge = new MemoryJudge(process.memoryUsage.rss());
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization: busyShare } = performance.eventLoopUtilization(now, before);
    before = now;
    const rssBytes = process.memoryUsage.rss();
    if (!judge.isWorthIt({ rssBytes, busyShare })) return;
    void giveBack(judge, rssBytes, log);
  }, lookMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function giveBack(judge: MemoryJudge, rssBytes: number, log: Logger): Promise<void> {
  try {
    await collectGarbage();
  } catch (error) {
    log.warn({ err: error }, 'memory cannot be given back');
  }
  const leftBytes = process.memoryUsage.rss();
  judge.gaveBack(leftBytes);
  log.debug({ rssBytes, leftBytes }, 'memory that a burst took was given back');
}

/** The only public way to V8's collection for low memory; the session is with this process, no port is opened. */
async function collectGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
