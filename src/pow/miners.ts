// The threads that mine, and what can be asked of them: search these nonces, stop.
import assert from 'node:assert/strict';
import { Piscina } from 'piscina';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { CpuAccount } from './budget.ts';
import type { MinerKernel } from './choose.ts';
import { hashTrits, trailingZeros } from './curl.ts';
import { controlWords } from './worker-task.ts';
import type { MineTask, MinerData } from './worker-task.ts';

export interface MinersOptions {
  readonly workers: number;
  readonly kernel: MinerKernel;
}

export interface MinersDeps {
  readonly log: Logger;
  readonly account: CpuAccount;
  /** For tests: another module than worker.ts that exports `mine`. */
  readonly workerUrl?: URL | undefined;
}

/** What one worker searches. */
export interface Search {
  /** 32 bytes; must not change during the search. */
  readonly digest: Uint8Array;
  /** Trailing zeros that the hash must have at least, 0 to 243. */
  readonly zeros: number;
  /** Searches of the same digest in different spaces (u16) never try the same nonce. */
  readonly space: number;
}

export interface Mining {
  /**
   * Checked by the scalar reference; undefined after `cancel` (measured: within a millisecond or
   * two). Rejects with POW_FAILED, logged, when the worker died or lied.
   */
  readonly nonce: Promise<bigint | undefined>;
  /** Tried so far. */
  hashes(): number;
  cancel(): void;
}

/** Has each search done by a worker of its own. */
export type StartSearch = (search: Search) => Mining;

export class Miners implements AsyncDisposable {
  readonly #kernel: MinerKernel;
  readonly #log: Logger;
  readonly #account: CpuAccount;
  readonly #piscina: Piscina<MineTask, bigint | undefined>;
  #isClosing = false;

  private constructor({ workers, kernel }: MinersOptions, deps: MinersDeps) {
    this.#kernel = kernel;
    this.#log = deps.log;
    this.#account = deps.account;
    const workerData: MinerData = { kernel, account: deps.account.memory };
    this.#piscina = new Piscina({
      filename: (deps.workerUrl ?? defaultWorkerUrl()).href,
      name: 'mine',
      minThreads: workers,
      maxThreads: workers,
      workerData,
    });
    // Only a worker without a task ends up here, in practice one that could not start in place of a
    // dead one. Piscina lets the tasks meant for it wait for ever. This answers them (they fail) and
    // never rejects itself; the next search starts new workers.
    this.#piscina.on('error', (err) => {
      this.#log.error({ err }, 'a miner did not start');
      void this.#piscina.destroy();
    });
  }

  /**
   * Opens when every worker has mined a small target: the threads are up before the first client
   * comes, and one that does not work on this machine is known at once.
   *
   * @throws TangleError POW_FAILED
   */
  static async open(options: MinersOptions, deps: MinersDeps): Promise<Miners> {
    assert(options.workers >= 1);
    await using opening = new AsyncDisposableStack();
    const miners = opening.use(new Miners(options, deps));
    const searches = Array.from({ length: options.workers }, (_, space) => {
      return miners.search({ digest: new Uint8Array(32), zeros: 3, space }).nonce;
    });
    await Promise.all(searches);
    opening.move();
    return miners;
  }

  /** At most as many at a time as there are workers. */
  search({ digest, zeros, space }: Search): Mining {
    assert(digest.length === 32 && zeros >= 0 && zeros <= hashTrits && space >>> 16 === 0);
    const control = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    const isCancelled = (): boolean => Atomics.load(control, controlWords.cancelled) !== 0;
    return {
      nonce: this.#run({ digest, zeros, space, control }, isCancelled),
      hashes: () => Atomics.load(control, controlWords.batches) * this.#kernel.lanes,
      // Never by Piscina's own `signal`: that kills the thread, and the next waits for a new one.
      cancel: () => {
        Atomics.store(control, controlWords.cancelled, 1);
        this.#account.ring();
      },
    };
  }

  async #run(task: MineTask, isCancelled: () => boolean): Promise<bigint | undefined> {
    const nonce = await this.#runInWorker(task, isCancelled);
    if (nonce === undefined || trailingZeros(task.digest, nonce) >= task.zeros) return nonce;
    this.#log.error({ zeros: task.zeros }, 'a miner gave a wrong nonce');
    throw new TangleError('POW_FAILED');
  }

  async #runInWorker(task: MineTask, isCancelled: () => boolean): Promise<bigint | undefined> {
    try {
      return await this.#piscina.run(task);
    } catch (cause) {
      if (this.#isClosing || isCancelled()) return undefined;
      this.#log.error({ err: cause }, 'a miner failed');
      throw new TangleError('POW_FAILED', undefined, { cause });
    }
  }

  /** Ends the threads, wherever they are; searches end as if cancelled. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#piscina.destroy();
  }
}

/** Beside this file: as TypeScript when the sources run, else as the bundle's second entry point. */
function defaultWorkerUrl(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './worker.ts' : './pow-worker.js', import.meta.url);
}
