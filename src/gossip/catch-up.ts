// Catch-up: reads the logs of neighbours from where it stopped, on connect, when told that something was not
// sent, and now and then, so that stores become equal whatever gossip lost. Knows no libp2p.
import type { Clock, SetTimer } from '../clock.ts';
import { TangleError, errorTable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../storage/store.ts';
import type { Outcome } from '../tangle/outcome.ts';
import { Boundaries } from './boundaries.ts';
import type { BoundariesDeps } from './boundaries.ts';
import type { Cursors } from './cursors.ts';
import {
  areCurrent,
  inTurn,
  isAwaited,
  newFollowed,
  notePage,
  progressOf,
  waitsForOthers,
} from './followed.ts';
import type { CatchUpState, Followed } from './followed.ts';
import { LogServer } from './log-server.ts';
import { Tally } from './tally.ts';
import { watchStall } from './stall.ts';
import type { SyncChannel } from './sync-channel.ts';
import { noLogId } from './sync-frames.ts';
import { readHorizon } from './sync-boundary.ts';
import { followLog } from './sync-follow.ts';
import type { FollowDeps, FollowResult, Progress } from './sync-follow.ts';
import type { Cursor, ReadableLog } from './sync-log.ts';

/** Each neighbour's log is looked at this often: a tip that was lost is named by nobody else. */
const intervalMs = 30_000;
/** A nudge is followed after this, however many come. */
const nudgeMs = 1_000;
/** Logs read at the same time; each holds about 600 KiB. */
const maxPasses = 4;
/** Who waits for its turn is looked at this often. */
const retryMs = 1_000;
/** How often progress is logged and kept. */
const progressMs = 5_000;
/** A pass that brought so many is told of at its end. */
const toldMessages = 1_000;

export interface CatchUpDeps {
  /** Undefined when that neighbour does not speak catch-up. */
  readonly openChannel: (peerId: string) => Promise<SyncChannel | undefined>;
  readonly submit: (bytes: Uint8Array, source: `peer:${string}`) => Promise<Outcome>;
  readonly store: ReadableLog &
    BoundariesDeps['store'] &
    Pick<Store, 'messageCount' | 'entryPointCount'>;
  readonly cursors: Cursors;
  /** Peers whose boundaries are believed. */
  readonly isTrusted: (peerId: string) => boolean;
  /** Neighbours of the owner. */
  readonly isNamed: (peerId: string) => boolean;
  /** What is solid has changed without a message; what stands up to that seq is no tip any more. */
  readonly onBoundary: (tipFloorSeq: number) => void;
  /** It broke a rule and is followed no more until it connects again. */
  readonly onMisbehaviour: (peerId: string, error: TangleError) => void;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly log: Logger;
}

export class CatchUp implements AsyncDisposable {
  readonly #deps: CatchUpDeps;
  /** How readings of logs ended. */
  readonly readings = new Tally<FollowResult | 'failed'>([
    'caught-up',
    'below-cut',
    'gap',
    'failed',
  ]);
  /** New ones from the logs of others since the start. */
  takenMessages = 0;
  readonly #neighbours = new Map<string, Followed>();
  readonly #server: LogServer;
  readonly #running = new Set<Promise<void>>();
  readonly #boundaries: Boundaries;
  #isFirstDone = false;
  /** When a neighbour that speaks catch-up was there first. */
  #heardAtMs = Infinity;
  #isClosing = false;
  #cancelRetry: (() => void) | undefined;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
    this.#boundaries = new Boundaries({
      ...deps,
      onChanged: deps.onBoundary,
      isOnlyRead: (peerId) => this.#reading().every((neighbour) => neighbour.peerId === peerId),
    });
    this.#server = new LogServer({
      ...deps,
      onNudge: (peerId) => this.#onNudge(peerId),
      onFailure: (...failure) => this.#onFailure(...failure),
    });
    if (deps.cursors.tipFloorSeq > 0) deps.onBoundary(deps.cursors.tipFloorSeq);
  }

  /** A neighbour is connected: its log is read now and from time to time, until it leaves. */
  follow(peerId: string): void {
    if (this.#isClosing) return;
    const neighbour = this.#neighbours.get(peerId) ?? this.#newFollowed(peerId);
    this.#neighbours.set(peerId, neighbour);
    neighbour.isAsked = true;
    this.#start();
  }

  #newFollowed(peerId: string): Followed {
    const isTrusted = this.#deps.isTrusted(peerId);
    return newFollowed({ peerId, isTrusted }, this.#deps.clock.now());
  }

  leave(peerId: string): void {
    const neighbour = this.#neighbours.get(peerId);
    if (neighbour === undefined) return;
    this.#neighbours.delete(peerId);
    neighbour.cancelTimer?.();
    neighbour.channel?.abort(new Error('the neighbour has left'));
  }

  /** Tells a neighbour to look at our log, because something was not sent to it. */
  async nudge(peerId: string): Promise<void> {
    try {
      const channel = await this.#deps.openChannel(peerId);
      await channel?.send([{ type: 'nudge' }]);
      await channel?.close();
    } catch (error) {
      this.#deps.log.debug({ peerId, err: error }, 'a neighbour could not be nudged');
    }
  }

  /** A neighbour opened a channel. Never throws; done when the conversation is. */
  async accept(peerId: string, channel: SyncChannel): Promise<void> {
    if (this.#isClosing) channel.abort(new Error('the node stops'));
    else await this.#server.accept(peerId, channel);
  }

  /** Of our own log, told to others since the start. */
  get toldBytes(): number {
    return this.#server.toldBytes;
  }

  state(): CatchUpState {
    const now = this.#deps.clock.now();
    const heard = [...this.#neighbours.values()].filter(({ hasAnswered }) => hasAnswered);
    return {
      isFirstRunning:
        heard.some((one) => one.phase === 'reading' && this.#boundaries.isOpen(one.peerId)) ||
        (!this.#isFirstDone && heard.some((one) => isAwaited(one, this.#heardAtMs, now))),
      hasCaughtUp: this.#isFirstDone,
      isCurrent: areCurrent([...this.#neighbours.values()], now),
      neighbours: heard.map((neighbour) => progressOf(neighbour, now)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#cancelRetry?.();
    for (const peerId of this.#neighbours.keys()) this.leave(peerId);
    this.#server.close();
    await Promise.all(this.#running);
  }

  #onNudge(peerId: string): void {
    const neighbour = this.#neighbours.get(peerId);
    if (neighbour === undefined || neighbour.isNudged) return;
    neighbour.isNudged = true;
    if (neighbour.phase === 'resting') this.#rest(neighbour, nudgeMs);
  }

  /** Begins as many passes as there is room for. */
  #start(): void {
    for (const neighbour of inTurn([...this.#neighbours.values()], this.#deps.isNamed)) {
      if (this.#running.size >= maxPasses) return;
      if (!neighbour.isAsked || neighbour.phase === 'reading' || this.#mustWait(neighbour))
        continue;
      neighbour.cancelTimer?.();
      const pass = this.#run(neighbour);
      this.#running.add(pass);
      void this.#goOnAfter(pass);
    }
  }

  /** It is looked at again when a pass ends, and after a moment. */
  #mustWait(neighbour: Followed): boolean {
    const { cursors, clock, isNamed } = this.#deps;
    const one = { ...neighbour, isFromBeginning: cursors.get(neighbour.peerId) === undefined };
    const mustWait = waitsForOthers(one, this.#reading(), { isNamed, nowMs: clock.now() });
    if (mustWait) this.#cancelRetry ??= this.#deps.setTimer(() => this.#retry(), retryMs);
    return mustWait;
  }

  #reading(): Followed[] {
    return [...this.#neighbours.values()].filter(({ phase }) => phase === 'reading');
  }

  #retry(): void {
    this.#cancelRetry = undefined;
    this.#start();
  }

  async #goOnAfter(pass: Promise<void>): Promise<void> {
    await pass;
    this.#running.delete(pass);
    this.#start();
  }

  /** Owns its errors. */
  async #run(neighbour: Followed): Promise<void> {
    neighbour.phase = 'reading';
    neighbour.isAsked = false;
    neighbour.isNudged = false;
    neighbour.isFromBeginning = this.#deps.cursors.get(neighbour.peerId) === undefined;
    neighbour.takenMessages = 0;
    neighbour.beganAtMs = this.#deps.clock.now();
    try {
      await this.#pass(neighbour);
      await this.#deps.cursors.save();
    } catch (error) {
      this.readings.add('failed');
      this.#onFailure(neighbour.peerId, neighbour.channel, error);
    }
    neighbour.channel = undefined;
    neighbour.phase = 'resting';
    neighbour.endedAtMs = this.#deps.clock.now();
    // A nudge that came meanwhile may be about what was not in the log yet.
    this.#rest(neighbour, neighbour.isNudged ? nudgeMs : intervalMs);
  }

  #rest(neighbour: Followed, delayMs: number): void {
    const { peerId } = neighbour;
    neighbour.cancelTimer?.();
    if (this.#neighbours.get(peerId) !== neighbour) return;
    neighbour.cancelTimer = this.#deps.setTimer(() => this.follow(peerId), delayMs);
  }

  async #pass(neighbour: Followed): Promise<void> {
    const { peerId } = neighbour;
    const channel = await this.#deps.openChannel(peerId);
    if (channel === undefined || this.#neighbours.get(peerId) !== neighbour) return;
    neighbour.channel = channel;
    this.#heardAtMs = Math.min(this.#heardAtMs, this.#deps.clock.now());
    const stall = watchStall(channel, this.#deps.setTimer);
    try {
      const result = await followLog(channel, this.#cursorOf(peerId), {
        ...this.#followDeps(neighbour),
        takeBoundary: neighbour.isTrusted
          ? () => this.#takeBoundary(neighbour, channel, stall.reset)
          : undefined,
        onAlive: () => {
          stall.reset();
          neighbour.hasAnswered = true;
        },
        onPage: (progress) => this.#onPage(neighbour, progress),
      });
      await this.#onResult(neighbour, result);
      await channel.close();
    } finally {
      stall.cancel();
    }
  }

  #followDeps({ peerId }: Followed): Omit<FollowDeps, 'onAlive' | 'onPage'> {
    const { store, submit, setTimer } = this.#deps;
    const goneCount = store.lastSeq - store.messageCount;
    const pointCount = store.entryPointCount;
    return {
      submit: (bytes) => submit(bytes, `peer:${peerId}`),
      heldCount: () => store.lastSeq - goneCount + Math.max(pointCount, store.entryPointCount),
      isEmpty: () => store.messageCount === 0,
      isCut: () => store.cutSeq > 0,
      readHorizon: () => readHorizon(store),
      wait: (delayMs) => new Promise((resolve) => void setTimer(resolve, delayMs)),
    };
  }

  /** Until that is done, the neighbour cannot bring us up to date. */
  async #takeBoundary(
    neighbour: Followed,
    channel: SyncChannel,
    onPage: () => void,
  ): Promise<Cursor> {
    neighbour.hasAnswered = true;
    neighbour.isBelowCut = true;
    const { peerId } = neighbour;
    try {
      const cursor = await this.#boundaries.take(peerId, channel, onPage);
      neighbour.isBelowCut = false;
      return cursor;
    } catch (error) {
      this.#deps.log.warn({ peerId, err: error }, 'the boundary of a log could not be taken over');
      throw error;
    }
  }

  #cursorOf(peerId: string): Cursor {
    return this.#deps.cursors.get(peerId) ?? { logId: noLogId, nextSeq: 1 };
  }

  #onPage(neighbour: Followed, progress: Progress): void {
    const { peerId } = neighbour;
    const now = this.#deps.clock.now();
    this.#deps.cursors.set(peerId, progress.cursor);
    this.#boundaries.goesOn(peerId);
    notePage(neighbour, progress, now);
    this.takenMessages += progress.acceptedCount;
    if (progress.acceptedCount === 0 || now - neighbour.savedAtMs < progressMs) return;
    neighbour.savedAtMs = now;
    const { behindMessages, takenMessages } = neighbour;
    this.#deps.log.info({ peerId, takenMessages, behindMessages }, 'catching up');
    this.#deps.cursors.save().catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, 'cursors could not be kept');
    });
  }

  async #onResult(neighbour: Followed, result: FollowResult): Promise<void> {
    const { peerId } = neighbour;
    this.readings.add(result);
    neighbour.hasAnswered = true;
    if (result === 'below-cut' && !neighbour.isBelowCut) {
      this.#deps.log.warn({ peerId }, 'what is missing here was pruned there');
    }
    neighbour.isBelowCut = result === 'below-cut';
    // What stands before the cursor has to be read again.
    if (result !== 'caught-up') this.#deps.cursors.forget(peerId);
    if (result === 'gap') neighbour.isAsked = true;
    if (result !== 'caught-up') return;
    await this.#boundaries.ended(peerId);
    this.#onCaughtUp(neighbour);
  }

  #onCaughtUp(neighbour: Followed): void {
    const now = this.#deps.clock.now();
    const { peerId, takenMessages, beganAtMs } = neighbour;
    if (!this.#isFirstDone || takenMessages >= toldMessages) {
      this.#deps.log.info({ peerId, takenMessages, tookMs: now - beganAtMs }, 'caught up');
    }
    this.#isFirstDone = true;
    neighbour.hasCaughtUp = true;
    neighbour.currentAtMs = now;
  }

  #onFailure(peerId: string, channel: SyncChannel | undefined, error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    channel?.abort(cause);
    this.#deps.log.debug({ peerId, err: cause }, 'a conversation of catch-up failed');
    if (!(cause instanceof TangleError) || errorTable[cause.code].blame !== 'sender') return;
    this.leave(peerId);
    this.#boundaries.gaveUp(peerId);
    this.#deps.onMisbehaviour(peerId, cause);
  }
}
