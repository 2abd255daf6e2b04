// The store on two LevelDB databases: one write at a time, and none after a failed one until all is reopened.
import { setTimeout as wait } from 'node:timers/promises';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { hexOf } from '../protocol/bytes.ts';
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { append } from './append.ts';
import type { Shelves } from './append.ts';
import { compact, seqOlderThan } from './compaction.ts';
import type { CompactionPart } from './compaction.ts';
import { cutOne } from './cut.ts';
import type { Turns } from './cut.ts';
import { damagedFiles, isCorruption, isWriteFailure } from './database.ts';
import type { WriteFailure } from './database.ts';
import { adoptedPoints, heldInVain, releasedPoints } from './entry-points.ts';
import { Holds } from './holds.ts';
import { MissedPins } from './missed-pins.ts';
import { Unpinner, listPins, pin } from './pinning.ts';
import { recallTail, reopenWhenPossible } from './reopen.ts';
import type {
  BackwardsPage,
  CutSlice,
  CutWish,
  FoundPage,
  IndexPage,
  LogPage,
  NewEntryPoint,
  NewRecord,
  IdPage,
  PendingRecord,
  PinList,
  PinTarget,
  PinTotals,
  Store,
  StandingPoint,
  StoreState,
  StoredMessage,
} from './store.ts';

export interface LevelStoreDeps {
  readonly open: () => Promise<Shelves>;
  readonly freeBytes: () => Promise<number>;
  readonly log: Logger;
  readonly onReopened?: (() => void) | undefined;
  readonly onFatal?: ((error: unknown) => void) | undefined;
}

const closedText = 'The store is closed at the moment.';

export class LevelStore implements Store {
  readonly #deps: LevelStoreDeps;
  readonly isNew: boolean;
  #shelves: Shelves;
  /** False while nothing can be read, because the databases are closed. */
  #isOpen = true;
  #failure: WriteFailure | undefined;
  #failureCount = 0;
  #damage: TangleError | undefined;
  #acknowledgedSeq: number;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #lastCut: Promise<unknown> = Promise.resolve();
  #reopening: Promise<void> = Promise.resolve();
  readonly #holds = new Holds();
  /** The last move of the cut that was, or is, made. */
  #moving: Promise<unknown> = Promise.resolve();
  readonly #missed: MissedPins;
  readonly #reads = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #turns: Turns = {
    read: (work) => this.#read(work),
    write: (work) => this.#write(work),
    move: (work) =>
      this.#write((shelves) => {
        const moving = work(shelves);
        this.#moving = moving.catch(() => undefined);
        return moving;
      }),
  };

  readonly #unpinner = new Unpinner(this.#turns);

  constructor(shelves: Shelves, deps: LevelStoreDeps) {
    this.#shelves = shelves;
    this.#deps = deps;
    this.#missed = new MissedPins(deps.log);
    this.isNew = shelves.log.isNew;
    this.#acknowledgedSeq = shelves.log.lastSeq;
  }

  get logId(): string {
    return hexOf(this.#shelves.log.logId);
  }

  get lastSeq(): number {
    return this.#shelves.log.lastSeq;
  }

  get cutSeq(): number {
    return this.#shelves.log.cutSeq;
  }

  get messageCount(): number {
    return this.#shelves.log.countFrom(0);
  }

  get entryPointCount(): number {
    return this.#shelves.log.entryPoints.size;
  }

  get pinTotals(): PinTotals {
    return { ...this.#shelves.log.pins.totals, missedCount: this.#missed.count };
  }

  state(): StoreState {
    const { code } = this.#failure ?? {};
    return { writable: code === undefined, code, damage: this.#damage?.message };
  }

  // ---- writes ----

  append(records: readonly NewRecord[]): Promise<readonly number[]> {
    return this.#write((shelves) => append(shelves, records));
  }

  addPending(records: readonly PendingRecord[]): Promise<void> {
    return this.#write(({ index }) => index.addPending(records));
  }

  removePending(ids: readonly MessageId[]): Promise<void> {
    return this.#write(({ index }) => index.removePending(ids));
  }

  cut(wish: CutWish): Promise<CutSlice | undefined> {
    const keptIds = (): MessageId[] => [...(wish.keepIds ?? []), ...this.#holds.ids];
    const rules = { ...wish, keptIds, onMissed: this.#missed.add };
    const turn = this.#lastCut.then(() => cutOne(this.#turns, rules));
    this.#lastCut = turn.catch(() => undefined);
    return turn;
  }

  pin(target: PinTarget, maxPinnedBytes: number): Promise<void> {
    return this.#write((shelves) => pin(shelves, target, maxPinnedBytes));
  }

  async unpin(target: PinTarget): Promise<void> {
    await this.#unpinner.unpin(target);
    this.#missed.wasUnpinned();
  }

  seqBeforeNewest(count: number): number {
    return this.#shelves.log.seqBeforeNewest(count, this.lastSeq);
  }

  seqOlderThan(timeMs: number): Promise<number> {
    return this.#read(({ log }) => seqOlderThan(log, timeMs));
  }

  messagesAbove(seq: number): number {
    return this.#shelves.log.countFrom(seq + 1);
  }

  get staleIndexCount(): number {
    return this.#shelves.index.sweep.staleCount(this.cutSeq);
  }

  prunedBytesOnDisk(): Promise<{ readonly log: number; readonly index: number }> {
    return this.#read(async ({ log, index }) => ({
      log: await log.prunedBytesOnDisk(),
      index: await index.sweep.staleBytes(log.cutSeq, log.countFrom(0)),
    }));
  }

  compact(part: CompactionPart, stop = this.#closing.signal): Promise<void> {
    return compact(this.#turns, part, AbortSignal.any([stop, this.#closing.signal]));
  }

  hold(ids: readonly MessageId[], keys = ids.map(idText)): Disposable {
    return this.#holds.hold(keys);
  }

  isHeld(key: string): boolean {
    return this.#holds.has(key);
  }

  adoptEntryPoints(points: readonly NewEntryPoint[]): Promise<void> {
    return this.#write(({ log }) => log.changeEntryPoints(adoptedPoints(log, points)));
  }

  dropEmptyBoundary(): Promise<void> {
    return this.#write(({ log }) => log.changeEntryPoints(heldInVain(log)));
  }

  releaseEntryPoints(): Promise<void> {
    const isKept = (key: string): boolean => this.#holds.has(key);
    return this.#write(({ log }) => log.changeEntryPoints(releasedPoints(log, isKept)));
  }

  /** In the order of the calls. Whatever waits behind a failed write fails too. */
  async #write<T>(work: (shelves: Shelves) => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw new TangleError('STORE_UNAVAILABLE', closedText);
    this.#refuseAfterFailure();
    const turn = this.#lastWrite.then(async () => {
      this.#refuseAfterFailure();
      try {
        const result = await work(this.#shelves);
        this.#failureCount = 0;
        this.#acknowledgedSeq = this.#shelves.log.lastSeq;
        return result;
      } catch (error) {
        if (isWriteFailure(error)) this.#fail(error);
        throw this.#toldDamage(error);
      }
    });
    this.#lastWrite = turn.catch(() => undefined);
    return turn;
  }

  #refuseAfterFailure(): void {
    if (this.#failure === undefined) return;
    const { code, message } = this.#failure;
    throw new TangleError(code, message, { cause: this.#failure });
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

  // ---- reads ----

  get(id: MessageId): StoredMessage | undefined {
    const { view } = this.#readable();
    try {
      return view.get(id);
    } catch (error) {
      throw this.#toldDamage(error);
    }
  }

  has(id: MessageId): boolean {
    return this.get(id) !== undefined;
  }

  /** Once the cut has moved that is being moved: it may have been asked about holds before its caller held these. */
  async facts(...asked: Parameters<Store['facts']>): ReturnType<Store['facts']> {
    await this.#moving;
    return this.#read(({ view }) => view.facts(...asked));
  }

  childrenOf(id: MessageId, limit: number): Promise<readonly MessageId[]> {
    return this.#read(({ view }) => view.childrenOf(id, limit));
  }

  findByIndex(key: Uint8Array, page: IndexPage): Promise<FoundPage> {
    return this.#read(({ view }) => view.findByIndex(key, page));
  }

  readLog(page: LogPage): Promise<readonly StoredMessage[]> {
    return this.#read(({ log }) => log.read(page));
  }

  readLogBackwards(page: BackwardsPage): Promise<readonly StoredMessage[]> {
    return this.#read(({ log }) => log.readBackwards(page));
  }

  listPins(): Promise<PinList> {
    return this.#read(listPins);
  }

  isKept(id: MessageId): boolean {
    return this.#readable().view.isKept(id);
  }

  readKept(page: LogPage): Promise<readonly StoredMessage[]> {
    return this.#read(({ log }) => log.pins.read(page));
  }

  readEntryPoints(page: IdPage): Promise<readonly StandingPoint[]> {
    return this.#read(({ log }) => log.readEntryPoints(page));
  }

  getPending(id: MessageId): Promise<PendingRecord | undefined> {
    return this.#read(({ index }) => index.getPending(id));
  }

  readPending(page: IdPage): Promise<readonly PendingRecord[]> {
    return this.#read(({ index }) => index.readPending(page));
  }

  #readable(): Shelves {
    if (!this.#isOpen) throw new TangleError('STORE_UNAVAILABLE', closedText);
    return this.#shelves;
  }

  /** Kept count of while it runs, so that the databases are not closed under it. */
  async #read<T>(work: (shelves: Shelves) => Promise<T>): Promise<T> {
    const running = work(this.#readable());
    this.#reads.add(running);
    try {
      return await running;
    } catch (error) {
      throw this.#toldDamage(error);
    } finally {
      this.#reads.delete(running);
    }
  }

  /** Of files that LevelDB cannot read the owner is told once, and at /health for as long as the node runs. */
  #toldDamage(error: unknown): unknown {
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
    await this.#lastWrite;
    await this.#closeShelves();
  }
}
