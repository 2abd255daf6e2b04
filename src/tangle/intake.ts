// THE door. Every message, from a client, a neighbour or another node's log, enters by `submit` and gets
// an Outcome back. Never talks to the network.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { TangleError, errorTable } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import { idOfText, idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { Store } from '../storage/store.ts';
import type { Candidate } from './candidate.ts';
import { checkWork, examine } from './check.ts';
import type { VerifyWork } from './check.ts';
import type { Blocked } from './fetcher.ts';
import { busy, parentsRefused } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { ParentBook } from './parents.ts';
import { FairQueue } from './queue.ts';
import type { QueueLimits, Source } from './queue.ts';
import { Replays } from './replays.ts';
import { pendingCandidate, restorePending, tipsFromLog } from './restore.ts';
import { Solidifier } from './solidifier.ts';
import type { PendingLimits, Plan } from './solidifier.ts';
import { TicketBook, counted, isPeer, peerIdOf } from './tickets.ts';
import type { OutcomeCounts, Ticket } from './tickets.ts';
import type { TipPool } from './tips.ts';

/** Messages taken together. More gains nothing: at 256 the costs of one batch are spread thin. */
const maxBatch = 256;
/** Waiting messages that one batch may free besides. */
const maxFreed = 512;

export interface IntakeOptions {
  readonly networkId: bigint;
  readonly minPowScore: number;
  readonly maxParentAgeMs: number;
  readonly queue: QueueLimits;
  readonly pending: PendingLimits;
}

export interface IntakeDeps {
  readonly store: Store;
  readonly tips: TipPool;
  readonly verifyWork: VerifyWork;
  readonly clock: Clock;
  readonly log: Logger;
  /** Since when this node was not there, each time, as long as it does not have what others attached meanwhile. */
  readonly awaySinceMs?: () => readonly number[];
  /** Awaited before each batch, when it gives something to wait for. */
  readonly gate?: () => Promise<unknown> | undefined;
  /** Why nothing can be taken in now. */
  readonly refusal?: () => ErrorCode | undefined;
  /** Told of every message that became solid, parents first, after it is stored. Must not throw. */
  readonly announce?: (messages: readonly Candidate[]) => void;
  /** Told of every message of a neighbour that waits for parents, each time it is sent. Must not throw. */
  readonly onMissing?: (blocked: Blocked) => void;
}

export class Intake implements AsyncDisposable {
  readonly #options: IntakeOptions;
  readonly #deps: IntakeDeps;
  readonly #queue: FairQueue<Ticket>;
  readonly #solidifier: Solidifier;
  readonly #replays = new Replays();
  readonly #counts: OutcomeCounts = { accepted: 0, known: 0, pending: 0, rejected: 0, busy: 0 };
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #mustRestore = false;
  #tipFloorSeq = 0;
  #isClosing = false;

  constructor(options: IntakeOptions, deps: IntakeDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#queue = new FairQueue(options.queue);
    this.#solidifier = new Solidifier(options.pending);
  }

  /** How many messages wait for their parents. */
  get pendingCount(): number {
    return this.#solidifier.size;
  }

  /** What waits at the door. */
  get queued(): { readonly messages: number; readonly bytes: number } {
    return this.#queue.size();
  }

  /** Since the start. */
  get counts(): Readonly<OutcomeCounts> {
    return this.#counts;
  }

  isPending(id: MessageId): boolean {
    return this.#solidifier.has(idText(id));
  }

  /**
   * Takes a message in. Never throws: whatever happens is in the Outcome. `accepted` and `known` are
   * answered after the message is stored as durably as the settings promise. The bytes must not be
   * changed afterwards.
   */
  submit(bytes: Uint8Array, source: Source): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const tell = counted(resolve, this.#counts);
    const refusal = this.#isClosing ? 'STOPPING' : this.#deps.refusal?.();
    if (refusal !== undefined) tell(busy(refusal));
    else if (this.#queue.push(source, { bytes, source, resolve: tell })) this.#wake();
    else tell(busy('INTAKE_BUSY'));
    return promise;
  }

  /**
   * Tips and waiting messages are made again from the store before the next batch. Messages up to `tipFloorSeq`
   * are no tips from now on.
   */
  restoreSoon(tipFloorSeq = this.#tipFloorSeq): void {
    this.#tipFloorSeq = tipFloorSeq;
    this.#mustRestore = true;
    this.#wake();
  }

  /** As `restoreSoon`, done when it returns. */
  async restore(): Promise<void> {
    // First, so that a call that comes meanwhile is not forgotten.
    this.#mustRestore = false;
    try {
      await restorePending(this.#deps.store, this.#solidifier);
      this.#deps.tips.reset(await tipsFromLog(this.#deps.store, this.#tipFloorSeq));
    } catch (error) {
      this.#mustRestore = true;
      throw error;
    }
    if (this.#solidifier.hasFree) this.#wake();
  }

  /** Tells `onMissing` of all that waits, as at start, when nobody sends it again. */
  tellWaiting(): void {
    for (const { id, missing } of this.#solidifier.waiting()) {
      const ids = missing.map(idOfText);
      this.#deps.onMissing?.({ id, missing: this.#notHeld(ids) });
    }
  }

  /** Refuses what comes from now on; answers all that was taken in before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#running;
  }

  #wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#queue.isEmpty || this.#mustRestore || this.#hasFreeWork()) {
        // One turn of the event loop: what arrived together is taken together, and I/O is never starved.
        await setImmediate();
        await this.#deps.gate?.();
        if (!(await this.#takeBatch()) && this.#queue.isEmpty) return;
      }
    } finally {
      // In the same turn as the last look at the queue, so that no call falls between the two.
      this.#isRunning = false;
    }
  }

  /**
   * False when the store could not: then the loop ends with the queue, and what was freed stays waiting,
   * for the loop would only spin on it while the store is down.
   */
  async #takeBatch(): Promise<boolean> {
    const tickets = new TicketBook(this.#queue.take(maxBatch));
    try {
      if (this.#mustRestore) await this.restore();
      await this.#process(tickets);
      return true;
    } catch (error) {
      // The store tells of its own failures, once; a line for every refusal would fill the disk further.
      if (!(error instanceof TangleError && errorTable[error.code].retry)) {
        this.#deps.log.error({ err: error }, 'a batch could not be taken in');
      }
      tickets.settleAll(busyBecause(error));
      return false;
    }
  }

  #hasFreeWork(): boolean {
    return this.#solidifier.hasFree && !this.#isClosing;
  }

  async #process(tickets: TicketBook): Promise<void> {
    using book = new ParentBook(this.#deps.store);
    const examined = tickets.examine((bytes) => examine(bytes, this.#options.networkId));
    await book.load(examined);
    const candidates = this.#keepNew(examined, tickets, book);
    const plan = await this.#solidifier.plan({
      candidates: this.#keepWorked(candidates, tickets),
      isSolid: (key) => book.takesChildren(key),
      load: (ids) => this.#loadPending(ids, book),
      maxFreed,
    });
    await this.#storeSolid(plan, tickets, book);
    await this.#forget(plan.orphaned);
    for (const { key, id } of plan.solid) tickets.settle(key, { kind: 'accepted', id });
    await this.#holdBlocked(plan.blocked, tickets, book);
    this.#tellMissing(examined, tickets, book);
  }

  #keepNew(
    examined: readonly Candidate[],
    tickets: TicketBook,
    book: ParentBook,
  ): readonly Candidate[] {
    return examined.filter((candidate) => {
      // Whoever asks for a message that was pruned wants to read it again; a neighbour only says that it has it.
      const { id, key } = candidate;
      const isKnown = tickets.isOfClient(key)
        ? book.isStored(key) || this.#deps.store.isKept(id)
        : book.isSolid(key);
      if (isKnown) {
        tickets.settle(key, { kind: 'known', id });
        return false;
      }
      if (!this.#solidifier.has(candidate.key)) return true;
      this.#settleBlocked(candidate, tickets, book);
      return false;
    });
  }

  #keepWorked(candidates: readonly Candidate[], tickets: TicketBook): readonly Candidate[] {
    const faults = checkWork(candidates, this.#deps.verifyWork, this.#options.minPowScore);
    return candidates.filter((candidate, position) => {
      const error = faults[position];
      if (error !== undefined) tickets.settle(candidate.key, { kind: 'rejected', error });
      return error === undefined;
    });
  }

  async #loadPending(ids: readonly MessageId[], book: ParentBook): Promise<readonly Candidate[]> {
    const records = await Promise.all(ids.map((id) => this.#deps.store.getPending(id)));
    const loaded: Candidate[] = [];
    for (const [position, record] of records.entries()) {
      const id = ids[position];
      const candidate = record === undefined ? undefined : pendingCandidate(record);
      if (candidate !== undefined) loaded.push(candidate);
      // Pending messages may be lost with the index (a power cut); their senders will send them again.
      else if (id !== undefined) this.#solidifier.drop(idText(id));
    }
    await book.load(loaded, 'parents');
    return loaded;
  }

  async #storeSolid(plan: Plan, tickets: TicketBook, book: ParentBook): Promise<void> {
    if (plan.solid.length === 0) return;
    const arrivalMs = this.#deps.clock.now();
    const { maxParentAgeMs } = this.#options;
    const times = { nowMs: arrivalMs, maxParentAgeMs, awaySinceMs: this.#deps.awaySinceMs?.() };
    const { cutSeq } = this.#deps.store;
    const records = plan.solid.map((candidate) => {
      const { id, key, bytes, message, parentKeys } = candidate;
      const isReplay =
        cutSeq > 0 && !tickets.isOfClient(key) && book.isReplay(candidate, this.#replays, times);
      const { isLazy, hadChild } = book.place(candidate, times);
      const indexKey = indexKeyOf(message);
      const { parents } = message;
      return {
        id,
        key,
        bytes,
        parents,
        parentKeys,
        indexKey,
        arrivalMs,
        isReplay,
        isLazy,
        hadChild,
      };
    });
    await this.#deps.store.append(records);
    this.#solidifier.commit(plan.solid);
    this.#deps.tips.add(records.filter(({ hadChild, isReplay }) => !hadChild && !isReplay));
    this.#deps.announce?.(plan.solid);
  }

  /** Pruning took a parent while they waited for another one: they are as new as if they never came. */
  async #forget(orphaned: readonly Candidate[]): Promise<void> {
    if (orphaned.length === 0) return;
    await this.#deps.store.removePending(orphaned.map(({ id }) => id));
    for (const { key } of orphaned) this.#solidifier.drop(key);
  }

  /** Clients must name solid parents; what neighbours send may wait for its parents. */
  async #holdBlocked(
    blocked: readonly Candidate[],
    tickets: TicketBook,
    book: ParentBook,
  ): Promise<void> {
    const waiting = blocked.filter(({ key }) => tickets.peerOf(key) !== undefined);
    if (waiting.length > 0) {
      const arrivalMs = this.#deps.clock.now();
      await this.#deps.store.addPending(waiting.map(({ id, bytes }) => ({ id, bytes, arrivalMs })));
      const evicted = waiting.flatMap((candidate) =>
        this.#solidifier.hold(
          candidate,
          tickets.peerOf(candidate.key) ?? 'restored',
          candidate.parentKeys.filter((key) => !book.takesChildren(key)),
        ),
      );
      if (evicted.length > 0) await this.#deps.store.removePending(evicted);
    }
    for (const candidate of blocked) this.#settleBlocked(candidate, tickets, book);
  }

  /** What neighbours sent and still waits, now that the whole batch has its place. */
  #tellMissing(examined: readonly Candidate[], tickets: TicketBook, book: ParentBook): void {
    for (const { id, key, message } of examined) {
      const source = tickets.peerOf(key);
      if (source === undefined || !this.#solidifier.has(key)) continue;
      const missing = this.#notSent(notSolidOf(message.parents, book), book);
      this.#deps.onMissing?.({ id, missing, peerId: peerIdOf(source) });
    }
  }

  #notHeld(ids: readonly MessageId[]): MessageId[] {
    return ids.filter((id) => !this.isPending(id));
  }

  /** A parent that takes no children is here in a way: nobody needs to send it. */
  #notSent(ids: readonly MessageId[], book: ParentBook): MessageId[] {
    return this.#notHeld(ids).filter((id) => !book.isSolid(idText(id)));
  }

  #settleBlocked(candidate: Candidate, tickets: TicketBook, book: ParentBook): void {
    const notSolid = notSolidOf(candidate.message.parents, book);
    const missing = this.#notSent(notSolid, book);
    tickets.settleBySource(candidate.key, (source) => {
      if (isPeer(source)) return { kind: 'pending', id: candidate.id, missing };
      // It waits only for its turn: its parents became solid in a batch that was full.
      if (notSolid.length === 0) return busy('INTAKE_BUSY');
      return parentsRefused(missing, notSolid);
    });
  }
}

function notSolidOf(ids: readonly MessageId[], book: ParentBook): MessageId[] {
  return ids.filter((id) => !book.takesChildren(idText(id)));
}

function busyBecause(error: unknown): Outcome {
  return error instanceof TangleError ? { kind: 'busy', error } : busy('STORE_UNAVAILABLE');
}
