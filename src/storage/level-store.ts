// The store on two LevelDB databases: what each of its verbs does with them.
import { InTurn } from '../in-turn.ts';
import { hexOf } from '../protocol/bytes.ts';
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { append } from './append.ts';
import type { Shelves } from './append.ts';
import { compact, seqOlderThan } from './compaction.ts';
import type { CompactionPart } from './compaction.ts';
import { cutOne } from './cut.ts';
import type { Turns } from './cut.ts';
import { adoptedPoints, heldInVain, releasedPoints } from './entry-points.ts';
import { Holds } from './holds.ts';
import { Keeper } from './keeper.ts';
import type { KeeperDeps } from './keeper.ts';
import { MissedPins } from './missed-pins.ts';
import { Unpinner, listPins, pin } from './pinning.ts';
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

export class LevelStore implements Store {
  readonly #keeper: Keeper;
  readonly isNew: boolean;
  readonly #cuts = new InTurn();
  readonly #sweeps = new InTurn();
  readonly #holds = new Holds();
  /** The last move of the cut that was, or is, made. */
  #moving: Promise<unknown> = Promise.resolve();
  readonly #missed: MissedPins;
  #keptEpoch = 0;
  readonly #beginKeptEpoch = (): void => {
    this.#keptEpoch += 1;
  };
  readonly #turns: Turns = {
    read: (work) => this.#keeper.read(work),
    write: (work) => this.#keeper.write(work),
    move: (work) =>
      this.#keeper.write((shelves) => {
        const moving = work(shelves);
        this.#moving = moving.catch(() => undefined);
        return moving;
      }),
  };

  readonly #unpinner = new Unpinner(this.#turns);

  constructor(shelves: Shelves, deps: KeeperDeps) {
    const open = async (): Promise<Shelves> => {
      const opened = await deps.open();
      // An append that failed may be there after all.
      this.#beginKeptEpoch();
      return opened;
    };
    this.#keeper = new Keeper(shelves, { ...deps, open });
    this.#missed = new MissedPins(deps.log);
    this.isNew = shelves.log.isNew;
  }

  get logId(): string {
    return hexOf(this.#keeper.shelves.log.logId);
  }

  get lastSeq(): number {
    return this.#keeper.shelves.log.lastSeq;
  }

  get cutSeq(): number {
    return this.#keeper.shelves.log.cutSeq;
  }

  get messageCount(): number {
    return this.#keeper.shelves.log.countFrom(0);
  }

  get entryPointCount(): number {
    return this.#keeper.shelves.log.entryPoints.size;
  }

  get pinTotals(): PinTotals {
    return { ...this.#keeper.shelves.log.pins.totals, missedCount: this.#missed.count };
  }

  get keptEpoch(): number {
    return this.#keptEpoch;
  }

  state(): StoreState {
    return this.#keeper.state();
  }

  // ---- writes ----

  append(records: readonly NewRecord[]): Promise<readonly number[]> {
    return this.#keeper.write(async (shelves) => {
      const appended = await append(shelves, records, this.#beginKeptEpoch);
      void this.#keeper.followIndexing(appended);
      return appended.seqs;
    });
  }

  addPending(records: readonly PendingRecord[]): Promise<void> {
    return this.#keeper.write(({ index }) => index.addPending(records));
  }

  removePending(ids: readonly MessageId[]): Promise<void> {
    return this.#keeper.write(({ index }) => index.removePending(ids));
  }

  cut(wish: CutWish): Promise<CutSlice | undefined> {
    const keptIds = (): MessageId[] => [...(wish.keepIds ?? []), ...this.#holds.ids];
    const rules = { ...wish, keptIds, onMissed: this.#missed.add };
    return this.#cuts.run(() => cutOne(this.#turns, rules));
  }

  pin(target: PinTarget, maxPinnedBytes: number): Promise<void> {
    return this.#keeper.write((shelves) => pin(shelves, target, maxPinnedBytes));
  }

  async unpin(target: PinTarget): Promise<void> {
    await this.#unpinner.unpin(target);
    this.#missed.wasUnpinned();
  }

  seqBeforeNewest(count: number): number {
    return this.#keeper.shelves.log.seqBeforeNewest(count, this.lastSeq);
  }

  seqOlderThan(timeMs: number): Promise<number> {
    return this.#keeper.read(({ log }) => seqOlderThan(log, timeMs));
  }

  messagesAbove(seq: number): number {
    return this.#keeper.shelves.log.countFrom(seq + 1);
  }

  get staleIndexCount(): number {
    return this.#keeper.shelves.index.sweep.staleCount(this.cutSeq);
  }

  prunedBytesOnDisk(): Promise<{ readonly log: number; readonly index: number }> {
    return this.#keeper.read(async ({ log, index }) => ({
      log: await log.prunedBytesOnDisk(),
      index: await index.sweep.staleBytes(log.cutSeq, log.countFrom(0)),
    }));
  }

  compact(part: CompactionPart, stop = this.#keeper.closing): Promise<void> {
    const work = (): Promise<void> =>
      compact(this.#turns, part, AbortSignal.any([stop, this.#keeper.closing]));
    // Of what is appended while a page of a sweep is out only one sweep is told.
    return part === 'log' ? work() : this.#sweeps.run(work);
  }

  hold(ids: readonly MessageId[], keys = ids.map(idText)): Disposable {
    return this.#holds.hold(keys);
  }

  isHeld(key: string): boolean {
    return this.#holds.has(key);
  }

  adoptEntryPoints(points: readonly NewEntryPoint[]): Promise<void> {
    return this.#keeper.write(({ log }) => log.changeEntryPoints(adoptedPoints(log, points)));
  }

  dropEmptyBoundary(): Promise<void> {
    return this.#keeper.write(({ log }) => log.changeEntryPoints(heldInVain(log)));
  }

  releaseEntryPoints(): Promise<void> {
    const isKept = (key: string): boolean => this.#holds.has(key);
    return this.#keeper.write(({ log }) => log.changeEntryPoints(releasedPoints(log, isKept)));
  }

  // ---- reads ----

  get(id: MessageId): StoredMessage | undefined {
    const { view } = this.#keeper.readable();
    try {
      return view.get(id);
    } catch (error) {
      throw this.#keeper.toldDamage(error);
    }
  }

  has(id: MessageId): boolean {
    return this.get(id) !== undefined;
  }

  /** Once the cut has moved that is being moved: it may have been asked about holds before its caller held these. */
  async facts(...asked: Parameters<Store['facts']>): ReturnType<Store['facts']> {
    await this.#moving;
    return this.#keeper.read(({ view }) => view.facts(...asked));
  }

  childrenOf(id: MessageId, limit: number): Promise<readonly MessageId[]> {
    return this.#keeper.read(({ view }) => view.childrenOf(id, limit));
  }

  findByIndex(key: Uint8Array, page: IndexPage): Promise<FoundPage> {
    return this.#keeper.read(({ view }) => view.findByIndex(key, page));
  }

  readLog(page: LogPage): Promise<readonly StoredMessage[]> {
    return this.#keeper.read(({ log }) => log.read(page));
  }

  readLogBackwards(page: BackwardsPage): Promise<readonly StoredMessage[]> {
    return this.#keeper.read(({ log }) => log.readBackwards(page));
  }

  listPins(): Promise<PinList> {
    return this.#keeper.read(listPins);
  }

  isKept(id: MessageId): boolean {
    return this.#keeper.readable().view.isKept(id);
  }

  readKept(page: LogPage): Promise<readonly StoredMessage[]> {
    return this.#keeper.read(({ log }) => log.pins.read(page));
  }

  readEntryPoints(page: IdPage): Promise<readonly StandingPoint[]> {
    return this.#keeper.read(({ log }) => log.readEntryPoints(page));
  }

  getPending(id: MessageId): Promise<PendingRecord | undefined> {
    return this.#keeper.read(({ index }) => index.getPending(id));
  }

  readPending(page: IdPage): Promise<readonly PendingRecord[]> {
    return this.#keeper.read(({ index }) => index.readPending(page));
  }

  /** Waits for what was asked before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
  }
}
