// Keeps the store within its limits: looks, decides, cuts a few slices, compacts a piece, and looks again.
// Each step is short, and between two steps everybody else has a turn.
import { setImmediate, setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { TangleError, errorTable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { CutWish, Store } from '../storage/store.ts';
import { ClockWatch } from './clock-watch.ts';
import { Compactor } from './compactor.ts';
import { DiskGuard } from './guard.ts';
import type { GuardDeps } from './guard.ts';
import type { Disk, PruningLimits } from './limits.ts';
import { planOf } from './plan.ts';
import type { PrunePlan, PruneWish } from './plan.ts';
import { decide, headroomOf } from './policy.ts';
import type { Decision, PruningFacts } from './policy.ts';

/** After a failure of the store. */
const retryMs = 1_000;
/** Slices between two looks at the disk. */
const lookAfterMs = 100;
/** Newest tips that stay readable; all others stay solid. */
const keptTips = 8;

type PrunedStore = Pick<
  Store,
  | 'cut'
  | 'compact'
  | 'staleIndexCount'
  | 'prunedBytesOnDisk'
  | 'cutSeq'
  | 'lastSeq'
  | 'messageCount'
  | 'entryPointCount'
  | 'seqBeforeNewest'
  | 'seqOlderThan'
  | 'facts'
  | 'state'
  | 'pinTotals'
>;

export interface PrunerDeps extends Omit<GuardDeps, 'store'> {
  readonly store: PrunedStore;
  /** The newest last. */
  readonly tips: () => readonly MessageId[];
  readonly measure: () => Promise<Disk>;
  /** Sees what goes before it goes. */
  readonly archive?: CutWish['before'] | undefined;
  readonly clock: Clock;
  /** Milliseconds that count evenly. */
  readonly evenMs: () => number;
  readonly log: Logger;
}

export interface PruningStatus extends Decision {
  readonly state: 'idle' | 'pruning' | 'compacting' | 'paused' | 'waiting';
  readonly limits: PruningLimits;
  readonly disk: Disk;
  /** No messages are taken. */
  readonly isDiskLow: boolean;
  /** Milliseconds that the door waits before each batch; Infinity while it is shut. */
  readonly slowedMs: number;
  /** Since the start. */
  readonly runs: number;
  readonly prunedMessages: number;
  readonly prunedBytes: number;
  readonly lastPrunedAtMs: number | undefined;
  /** The last that the owner asked for. */
  readonly job: (PrunePlan & { readonly cutSeq: number; readonly isDone: boolean }) | undefined;
}

interface Job {
  /** Undefined until it is known what is to be done. */
  readonly plan?: PrunePlan;
  readonly done: PromiseWithResolvers<void>;
}

export class Pruner implements AsyncDisposable {
  readonly #limits: PruningLimits;
  readonly #deps: PrunerDeps;
  readonly #guard: DiskGuard;
  readonly #compactor: Compactor;
  readonly #clocks = new ClockWatch();
  readonly #closing = new AbortController();
  #wake = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();
  #decision: Decision = { upToSeq: 0, isBlocked: false, isTooYoung: false };
  #state: PruningStatus['state'] = 'idle';
  #isPaused = false;
  #runs = 0;
  #prunedMessages = 0;
  #prunedBytes = 0;
  #lastPrunedAtMs: number | undefined;
  /** Something may have been cut that nobody counted. */
  #isUnsure = true;
  /** More entry points than memory is meant for. */
  #wasCrowded = false;
  #job: Job | undefined;
  #lastPlan: PrunePlan | undefined;

  private constructor(limits: PruningLimits, disk: Disk, deps: PrunerDeps) {
    this.#limits = limits;
    this.#deps = deps;
    this.#guard = new DiskGuard(limits, disk, deps);
    this.#compactor = new Compactor(limits, deps);
  }

  /** Has looked at the disk once when it returns. */
  static async start(limits: PruningLimits, deps: PrunerDeps): Promise<Pruner> {
    const pruner = new Pruner(limits, await deps.measure(), deps);
    pruner.#running = pruner.#run();
    return pruner;
  }

  /** A step that runs is finished, nothing more is begun. The door is opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#guard[Symbol.dispose]();
    this.#wake.resolve();
    this.#job?.done.reject(new TangleError('STOPPING'));
    await this.#running;
  }

  /** What the door waits for before it takes a batch. */
  gate(): Promise<unknown> | undefined {
    return this.#guard.gate();
  }

  /** Why no message can be taken now. */
  refusal(): 'DISK_FULL' | undefined {
    return this.#guard.isDiskLow ? 'DISK_FULL' : undefined;
  }

  /** Nothing is pruned but what the owner asks for; the door is watched over all the same. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wake.resolve();
  }

  /** Ends what the owner asked for where it is; `done` resolves. What is cut stays cut. */
  interrupt(): void {
    this.#job?.done.resolve();
  }

  status(): PruningStatus {
    const plan = this.#job?.plan ?? this.#lastPlan;
    return {
      ...this.#decision,
      state: this.#isPaused && this.#job === undefined ? 'paused' : this.#state,
      limits: this.#limits,
      disk: this.#guard.disk,
      isDiskLow: this.#guard.isDiskLow,
      slowedMs: this.#guard.slowedMs,
      runs: this.#runs,
      prunedMessages: this.#prunedMessages,
      prunedBytes: this.#prunedBytes,
      lastPrunedAtMs: this.#lastPrunedAtMs,
      job: plan && {
        ...plan,
        cutSeq: this.#deps.store.cutSeq,
        isDone: this.#job === undefined,
      },
    };
  }

  /** What a wish would take. */
  async plan(wish: PruneWish): Promise<PrunePlan> {
    await this.#guard.look(await this.#deps.measure());
    return planOf(wish, await this.#facts());
  }

  /** Begins, and says what it will take; `done` resolves after compaction. Throws PRUNING_BUSY. */
  async begin(
    wish: PruneWish,
  ): Promise<{ readonly plan: PrunePlan; readonly done: Promise<void> }> {
    if (this.#job !== undefined) throw new TangleError('PRUNING_BUSY');
    const done = Promise.withResolvers<void>();
    const end = (): void => {
      this.#job = undefined;
    };
    // Rejected when the node stops, perhaps before anybody waits for it.
    done.promise.then(end, end);
    const asked: Job = { done };
    this.#job = asked;
    try {
      const plan = await this.plan(wish);
      // Interrupted before it was known what is to be done: that was all.
      if (this.#job === asked) this.#job = { plan, done };
      this.#lastPlan = plan;
      this.#wake.resolve();
      return { plan, done: done.promise };
    } catch (error) {
      done.reject(error);
      throw error;
    }
  }

  /** Done when it resolves. */
  async prune(wish: PruneWish): Promise<PrunePlan> {
    const { plan, done } = await this.begin(wish);
    await done;
    return plan;
  }

  // ---- the loop ----

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        if (await this.#step()) await setImmediate();
        else await this.#rest(this.#guard.lookMs);
      } catch (error) {
        const isExpected = error instanceof TangleError && errorTable[error.code].retry;
        if (!isExpected) this.#deps.log.error({ err: error }, 'pruning failed, it is tried again');
        this.#state = 'waiting';
        this.#isUnsure = true;
        await this.#rest(retryMs);
      }
    }
  }

  /** False when there is nothing to do before the next look. */
  async #step(): Promise<boolean> {
    await this.#guard.look(await this.#deps.measure());
    if (this.#isPaused && this.#job === undefined) return false;
    const facts = await this.#facts();
    this.#decision = decide(facts, this.#limits);
    this.#tellOfPoints(facts);
    if ((await this.#cut(this.#targetSeq())) || (await this.#compact())) return true;
    this.#state = 'idle';
    if (facts.cutSeq >= (this.#job?.plan?.toSeq ?? Infinity)) this.#job?.done.resolve();
    return false;
  }

  #tellOfPoints({ entryPointCount }: PruningFacts): void {
    const { maxEntryPoints } = this.#limits;
    const isCrowded = entryPointCount > maxEntryPoints;
    if (isCrowded && !this.#wasCrowded) {
      const counts = { entryPointCount, maxEntryPoints };
      this.#deps.log.warn(counts, 'stored messages name very many that were pruned');
    }
    this.#wasCrowded = isCrowded;
  }

  async #cut(upToSeq: number): Promise<boolean> {
    if (upToSeq <= this.#deps.store.cutSeq || this.#compactor.isFull(this.#isTight())) return false;
    if (this.#state === 'idle') this.#runs += 1;
    this.#state = 'pruning';
    await this.#cutFor(lookAfterMs, upToSeq);
    return true;
  }

  #targetSeq(): number {
    const byLimits = this.#isPaused ? 0 : this.#decision.upToSeq;
    return Math.max(byLimits, this.#job?.plan?.toSeq ?? 0);
  }

  async #compact(): Promise<boolean> {
    if (!this.#compactor.isDue({ isUrgent: this.#isUrgent(), isTight: this.#isTight() }))
      return false;
    this.#state = 'compacting';
    await this.#watchedOver(this.#compactor.compact(this.#closing.signal));
    return true;
  }

  /** A piece of a large index takes long: the door is looked after meanwhile. */
  async #watchedOver(work: Promise<void>): Promise<void> {
    const ended = Promise.allSettled([work]);
    try {
      for (;;) {
        const timer = new AbortController();
        const turn = wait(this.#guard.lookMs, undefined, { signal: timer.signal });
        const settled = await Promise.race([ended, turn.catch(() => undefined)]);
        timer.abort();
        if (settled !== undefined) return await work;
        await this.#guard.look(await this.#deps.measure());
      }
    } finally {
      // Also when the disk could not be looked at: nothing else is begun beside it.
      await ended;
    }
  }

  /** Slices, with a turn of the event loop between them; and as long a pause as each took when there is time. */
  async #cutFor(ms: number, upToSeq: number): Promise<void> {
    const { store, tips, archive, clock, evenMs } = this.#deps;
    const endMs = evenMs() + ms;
    const isWanted = (): boolean =>
      upToSeq <= this.#targetSeq() &&
      !this.#compactor.isFull(this.#isTight()) &&
      !this.#closing.signal.aborted;
    while (evenMs() < endMs && isWanted()) {
      const startMs = evenMs();
      const { maxPinnedBytes } = this.#limits;
      const wish = { upToSeq, keepIds: tips(), maxPinnedBytes, before: archive };
      const slice = await store.cut(wish);
      if (slice === undefined) return;
      this.#compactor.wasCut(slice);
      this.#prunedMessages += slice.messageCount;
      this.#prunedBytes += slice.sizeBytes;
      this.#lastPrunedAtMs = clock.now();
      if (slice.cutSeq >= upToSeq) return;
      await (this.#isUrgent() ? setImmediate() : this.#rest(evenMs() - startMs));
    }
  }

  /** Somebody waits for it, or for room. */
  #isUrgent(): boolean {
    return this.#job !== undefined || this.#isTight();
  }

  /** Little of the disk is free, or of what the limit allows. */
  #isTight(): boolean {
    const { maxSizeBytes = Infinity } = this.#limits;
    const { disk, isDiskLow } = this.#guard;
    return isDiskLow || disk.folderBytes > maxSizeBytes - headroomOf(maxSizeBytes);
  }

  async #facts(): Promise<PruningFacts> {
    const { store, clock, evenMs } = this.#deps;
    if (this.#isUnsure) this.#compactor.found((await store.prunedBytesOnDisk()).log);
    this.#isUnsure = false;
    const { folderBytes, storeBytes, freeBytes } = this.#guard.disk;
    const wallMs = clock.now();
    const { maxAgeMs, minAgeMs, maxMessages } = this.#limits;
    const needsMinAge = maxAgeMs !== undefined || maxMessages !== undefined;
    return {
      cutSeq: store.cutSeq,
      messageCount: store.messageCount,
      folderBytes,
      storeBytes,
      freeBytes,
      entryPointCount: store.entryPointCount,
      isUnderway: this.#state !== 'idle',
      reclaimableBytes: this.#compactor.reclaimableBytes,
      pinnedBytes: store.pinTotals.usedBytes,
      maxAgeSeq: maxAgeMs === undefined ? 0 : await store.seqOlderThan(wallMs - maxAgeMs),
      minAgeSeq: needsMinAge ? await store.seqOlderThan(wallMs - minAgeMs) : store.cutSeq,
      oldestTipSeq: await this.#oldestTipSeq(),
      isClockTrusted: this.#clocks.isTrusted({ wallMs, evenMs: evenMs() }),
      seqBeforeNewest: (count) => store.seqBeforeNewest(count),
    };
  }

  async #oldestTipSeq(): Promise<number> {
    const facts = await this.#deps.store.facts(this.#deps.tips().slice(-keptTips));
    const seqs = facts.flatMap((one) => (one === undefined || one.seq === 0 ? [] : [one.seq]));
    return Math.min(this.#deps.store.lastSeq, ...seqs);
  }

  async #rest(ms: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#wake.promise, wait(ms, undefined, { signal: timer.signal })]);
    timer.abort();
    this.#wake = Promise.withResolvers<void>();
  }
}
