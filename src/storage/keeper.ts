// Who may do what with the open databases, and when: one write at a time, and none after a failed one until all is
// reopened; reads beside them, and none while they are closed.
import { setTimeout as wait } from 'node:timers/promises';
import { TangleError } from '../errors.ts';
import { InTurn } from '../in-turn.ts';
import type { Logger } from '../log.ts';
import type { Appended, Shelves } from './append.ts';
import { damagedFiles, isCorruption, isWriteFailure } from './database.ts';
import type { WriteFailure } from './database.ts';
import { recallTail, reopenWhenPossible } from './reopen.ts';
import type { StoreState } from './store.ts';

export interface KeeperDeps {
  readonly open: () => Promise<Shelves>;
  readonly freeBytes: () => Promise<number>;
  readonly log: Logger;
  readonly onReopened?: (() => void) | undefined;
  readonly onFatal?: ((error: unknown) => void) | undefined;
}

const closedText = 'The store is closed at the moment.';

export class Keeper implements AsyncDisposable {
  readonly #deps: KeeperDeps;
  #shelves: Shelves;
  /** False while nothing can be read, because the databases are closed. */
  #isOpen = true;
  #failure: WriteFailure | undefined;
  #failureCount = 0;
  #damage: TangleError | undefined;
  #acknowledgedSeq: number;
  readonly #writes = new InTurn();
  #reopening: Promise<void> = Promise.resolve();
  readonly #reads = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(shelves: Shelves, deps: KeeperDeps) {
    this.#shelves = shelves;
    this.#deps = deps;
    this.#acknowledgedSeq = shelves.log.lastSeq;
  }

  /** Aborted when the store is being closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** For what memory knows of them. */
  get shelves(): Shelves {
    return this.#shelves;
  }

  state(): StoreState {
    const { code } = this.#failure ?? {};
    return { writable: code === undefined, code, damage: this.#damage?.message };
  }

  /** In the order of the calls. Whatever waits behind a failed write fails too. */
  async write<T>(work: (shelves: Shelves) => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw new TangleError('STORE_UNAVAILABLE', closedText);
    this.#refuseAfterFailure();
    return this.#writes.run(async () => {
      await this.#shelves.index.settled;
      this.#refuseAfterFailure();
      try {
        const result = await work(this.#shelves);
        if (this.#shelves.index.settled === undefined) this.#failureCount = 0;
        this.#acknowledgedSeq = this.#shelves.log.lastSeq;
        return result;
      } catch (error) {
        throw this.#failed(error);
      }
    });
  }

  #refuseAfterFailure(): void {
    if (this.#failure === undefined) return;
    const { code, message } = this.#failure;
    throw new TangleError(code, message, { cause: this.#failure });
  }

  /** What to throw for it. */
  #failed(error: unknown): unknown {
    if (isWriteFailure(error)) this.#fail(error);
    return this.toldDamage(error);
  }

  #fail(failure: WriteFailure): void {
    this.#failure = failure;
    this.#failureCount += 1;
    this.#deps.log.error(
      { err: failure, code: failure.code },
      'a write failed, the store takes no more',
    );
    this.#reopening = this.#reopenInBackground(failure);
  }

  /** Owns its errors: nobody awaits it but the closing. */
  async #reopenInBackground(failure: WriteFailure): Promise<void> {
    const { signal } = this.#closing;
    try {
      await reopenWhenPossible(failure, {
        reopen: () => this.#reopen(),
        freeBytes: this.#deps.freeBytes,
        wait: (ms) => wait(ms, undefined, { signal }),
        failureCount: this.#failureCount,
      });
      if (signal.aborted) return;
      this.#deps.log.info('the store takes messages again');
      this.#deps.onReopened?.();
    } catch (error) {
      if (signal.aborted) return;
      this.#deps.log.error({ err: error }, 'the store cannot be opened again');
      this.#deps.onFatal?.(error);
    }
  }

  async #reopen(): Promise<void> {
    await this.#closeShelves();
    this.#shelves = await this.#deps.open();
    this.#isOpen = true;
    await recallTail(this.#shelves, this.#acknowledgedSeq);
    this.#failure = undefined;
  }

  async #closeShelves(): Promise<void> {
    this.#isOpen = false;
    await Promise.allSettled(this.#reads);
    await this.#shelves[Symbol.asyncDispose]();
  }

  /** The messages are safe in the log, whatever comes of the index. */
  async followIndexing({ indexing }: Appended): Promise<void> {
    try {
      await indexing;
      this.#failureCount = 0;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** For a read that does not wait. Throws STORE_UNAVAILABLE. */
  readable(): Shelves {
    if (!this.#isOpen) throw new TangleError('STORE_UNAVAILABLE', closedText);
    return this.#shelves;
  }

  /** Kept count of while it runs, so that the databases are not closed under it. */
  async read<T>(work: (shelves: Shelves) => Promise<T>): Promise<T> {
    const running = this.#whenSettled(work);
    this.#reads.add(running);
    try {
      return await running;
    } catch (error) {
      throw this.toldDamage(error);
    } finally {
      this.#reads.delete(running);
    }
  }

  /**
   * What was appended is found by every read that is begun later. A closing or reopening that comes meanwhile waits for
   * the read.
   */
  #whenSettled<T>(work: (shelves: Shelves) => Promise<T>): Promise<T> {
    const shelves = this.readable();
    const { settled } = shelves.index;
    return settled === undefined ? work(shelves) : settled.then(() => work(shelves));
  }

  /** Of files that LevelDB cannot read the owner is told once, and at /health for as long as the node runs. */
  toldDamage(error: unknown): unknown {
    if (!isCorruption(error)) return error;
    const damage = damagedFiles(this.#shelves.log.location.replace(/log$/, ''), error);
    if (this.#damage === undefined) this.#deps.log.error({ err: damage }, 'the store is damaged');
    this.#damage ??= damage;
    return damage;
  }

  /** Waits for what was asked before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#reopening;
    await this.#writes.ended();
    await this.#closeShelves();
  }
}
