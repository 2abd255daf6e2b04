// Mining for clients, off the main thread: a fixed set of worker threads behind a bounded line.
import assert from 'node:assert/strict';
import { addAbortListener } from 'node:events';
import { Piscina } from 'piscina';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { hashTrits, trailingZeros } from './curl.ts';
import { Slots } from './slots.ts';
import type { MineTask } from './worker.ts';

export interface PowPoolOptions {
  /** Threads; each mines one message at a time. */
  readonly workers: number;
  /** Jobs that may wait while all workers are busy. */
  readonly queueSize?: number | undefined;
}

export interface PowPoolDeps {
  readonly log: Logger;
  /** For tests: another module than worker.ts that exports `mine`. */
  readonly workerUrl?: URL | undefined;
}

export interface MineJob {
  /** 32 bytes; must not change while the job lives. */
  readonly digest: Uint8Array;
  /** Trailing zeros that the hash must have at least, 0 to 243. */
  readonly zeros: number;
  readonly signal: AbortSignal;
}

export interface PowPool extends AsyncDisposable {
  /**
   * Finds a nonce, checked by the scalar reference before it is handed out.
   *
   * @throws TangleError POW_BUSY when the line is full; POW_ABORTED after the signal (measured:
   * about a millisecond) or the closing of the pool; POW_FAILED, logged, when the worker died or lied.
   */
  mine(job: MineJob): Promise<bigint>;
}

const defaultQueueSize = 32;

/**
 * Opens when every worker has mined a small target: the threads are up before the first client
 * comes, and a kernel that is missing or wrong on this machine is known at once.
 *
 * @throws TangleError POW_FAILED
 */
export async function openPowPool(options: PowPoolOptions, deps: PowPoolDeps): Promise<PowPool> {
  assert(options.workers >= 1);
  await using opening = new AsyncDisposableStack();
  const pool = opening.use(new WorkerPool(options, deps));
  const warmUp = { digest: new Uint8Array(32), zeros: 3, signal: new AbortController().signal };
  await Promise.all(Array.from({ length: options.workers }, () => pool.mine(warmUp)));
  opening.move();
  return pool;
}

class WorkerPool implements PowPool {
  readonly #log: Logger;
  readonly #slots: Slots;
  readonly #piscina: Piscina<MineTask, bigint | undefined>;
  readonly #closing = new AbortController();

  constructor({ workers, queueSize = defaultQueueSize }: PowPoolOptions, deps: PowPoolDeps) {
    this.#log = deps.log;
    this.#slots = new Slots({ slots: workers, maxWaiting: queueSize });
    this.#piscina = new Piscina({
      filename: (deps.workerUrl ?? defaultWorkerUrl()).href,
      name: 'mine',
      minThreads: workers,
      maxThreads: workers,
    });
    // Only a worker without a task ends up here, in practice one that could not start in place of a
    // dead one. Piscina lets the tasks meant for it wait for ever. This answers them (they fail) and
    // never rejects itself; the next job starts new workers.
    this.#piscina.on('error', (err) => {
      this.#log.error({ err }, 'a miner did not start');
      void this.#piscina.destroy();
    });
  }

  async mine(job: MineJob): Promise<bigint> {
    assert(job.digest.length === 32 && job.zeros >= 0 && job.zeros <= hashTrits);
    const signal = AbortSignal.any([job.signal, this.#closing.signal]);
    using _ = await this.#slots.take(signal);
    const nonce = await this.#runInWorker(job, signal);
    if (nonce === undefined) throw new TangleError('POW_ABORTED');
    if (trailingZeros(job.digest, nonce) < job.zeros) {
      this.#log.error({ zeros: job.zeros }, 'a miner gave a wrong nonce');
      throw new TangleError('POW_FAILED');
    }
    return nonce;
  }

  /** Never by Piscina's own `signal`: that kills the thread, and the next task waits for a new one. */
  async #runInWorker(job: MineJob, signal: AbortSignal): Promise<bigint | undefined> {
    const { digest, zeros } = job;
    const cancelled = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    using _ = addAbortListener(signal, () => Atomics.store(cancelled, 0, 1));
    try {
      return await this.#piscina.run({ digest, zeros, cancelled });
    } catch (cause) {
      if (signal.aborted) return undefined;
      this.#log.error({ err: cause }, 'a miner failed');
      throw new TangleError('POW_FAILED', undefined, { cause });
    }
  }

  /** Whoever waits or runs gets POW_ABORTED; the threads are ended, wherever they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#piscina.destroy();
  }
}

/** Beside this file: as TypeScript when the sources run, else as the bundle's second entry point. */
function defaultWorkerUrl(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './worker.ts' : './pow-worker.js', import.meta.url);
}
