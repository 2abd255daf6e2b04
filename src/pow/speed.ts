// How fast this node mines, as measured: what forecasts, refusals and Retry-After are computed from.
import { makeMiner } from './choose.ts';
import type { MinerKernel } from './choose.ts';

/** What the miners did in some time of uninterrupted work. */
export interface Work {
  readonly hashes: number;
  readonly cpuUs: number;
  readonly elapsedUs: number;
}

/** What is this old counts for a third of what is new. */
const memoryUs = 2_000_000;
const restMemoryUs = 30_000_000;

/**
 * A mean over the last seconds of work. While there is none it goes back to what an undisturbed
 * machine does: else a node that was slow once would refuse for ever what it then seems too slow for.
 */
export class Speed {
  #undisturbed: number;
  #hashesPerSecond: number;
  #cores = 0;

  constructor(undisturbedHashesPerSecond: number) {
    this.#undisturbed = undisturbedHashesPerSecond;
    this.#hashesPerSecond = undisturbedHashesPerSecond;
  }

  get hashesPerSecond(): number {
    return this.#hashesPerSecond;
  }

  /** CPU seconds a second. */
  get cores(): number {
    return this.#cores;
  }

  add({ hashes, cpuUs, elapsedUs }: Work): void {
    const weight = weightOf(elapsedUs, memoryUs);
    this.#hashesPerSecond += ((hashes * 1e6) / elapsedUs - this.#hashesPerSecond) * weight;
    this.#cores += (cpuUs / elapsedUs - this.#cores) * weight;
  }

  /** For so long there was no work. */
  rest(elapsedUs: number): void {
    const weight = weightOf(elapsedUs, restMemoryUs);
    this.#hashesPerSecond += (this.#undisturbed - this.#hashesPerSecond) * weight;
    this.#cores -= this.#cores * weightOf(elapsedUs, memoryUs);
  }

  /** From now on so many times the CPU time. */
  scale(factor: number): void {
    this.#undisturbed *= factor;
    this.#hashesPerSecond *= factor;
  }
}

function weightOf(elapsedUs: number, memory: number): number {
  return 1 - Math.exp(-elapsedUs / memory);
}

const samples = 5;
const hashesPerSample = 8_192;

/** Hashes a second of one undisturbed thread, as far as some milliseconds can tell. */
export function calibrate(kernel: MinerKernel): number {
  const miner = makeMiner(kernel);
  miner.start(new Uint8Array(32), 0, 243);
  let bestMs = Infinity;
  for (let sample = 0; sample < samples; sample++) {
    const startMs = performance.now();
    miner.run(hashesPerSample / kernel.lanes);
    bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  return (hashesPerSample / bestMs) * 1_000;
}
