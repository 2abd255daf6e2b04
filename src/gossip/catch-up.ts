// Catch-up: reads the logs of neighbours from where it stopped, on connect, when told that something was not
// sent, and now and then, so that stores become equal whatever gossip lost. Knows no libp2p.
import type { Clock, SetTimer } from '../clock.ts';
import { TangleError, errorTable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Outcome } from '../tangle/outcome.ts';
import type { Cursors } from './cursors.ts';
import type { SyncChannel } from './sync-channel.ts';
import { noLogId } from './sync-frames.ts';
import { followLog, serveLog } from './sync-log.ts';
import type { Cursor, FollowResult, Progress, ReadableLog } from './sync-log.ts';

/** Each neighbour's log is looked at this often: a tip that was lost is named by nobody else. */
const intervalMs = 30_000;
/** A nudge is followed after this, however many come. */
const nudgeMs = 1_000;
/** A conversation in which so long no page is completed is ended. */
const stallMs = 60_000;
/** Logs read at the same time; each holds about 600 KiB. */
const maxPasses = 4;
/** Neighbours served at the same time, once each; each holds about 300 KiB. */
const maxServed = 32;
/** How often progress is logged and kept. */
const progressMs = 5_000;

export interface CatchUpDeps {
  /** Undefined when that neighbour does not speak catch-up. */
  readonly openChannel: (peerId: string) => Promise<SyncChannel | undefined>;
  readonly submit: (bytes: Uint8Array, source: `peer:${string}`) => Promise<Outcome>;
  readonly store: ReadableLog & { readonly messageCount: number };
  readonly cursors: Cursors;
  /** It broke a rule and is followed no more until it connects again. */
  readonly onMisbehaviour: (peerId: string, error: TangleError) => void;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly log: Logger;
}

export interface NeighbourProgress {
  readonly peerId: string;
  /** In its log and not read here, as far as it was heard. */
  readonly behindMessages: number;
  /** Since its log was last read to the end; 0 when it is. */
  readonly behindMs: number;
  /** Its log was cut above our cursor, so that it cannot bring us up to date. */
  readonly isBelowCut: boolean;
}

export interface CatchUpState {
  /** No log was read to its end since the start, and one is being read. */
  readonly isFirstRunning: boolean;
  /** Those that speak catch-up. */
  readonly neighbours: readonly NeighbourProgress[];
}

interface Neighbour {
  readonly peerId: string;
  /** Resting until its timer or until there is room for one more. */
  phase: 'reading' | 'resting';
  /** To be read again at once. */
  isAsked: boolean;
  isNudged: boolean;
  hasAnswered: boolean;
  isBelowCut: boolean;
  behindMessages: number;
  /** When its log was last read to the end; when it was first heard before that. */
  currentAtMs: number;
  savedAtMs: number;
  channel?: SyncChannel | undefined;
  cancelTimer?: (() => void) | undefined;
}

export class CatchUp implements AsyncDisposable {
  readonly #deps: CatchUpDeps;
  readonly #neighbours = new Map<string, Neighbour>();
  readonly #served = new Map<string, SyncChannel>();
  readonly #running = new Set<Promise<void>>();
  #isFirstDone = false;
  #isClosing = false;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
  }

  /** A neighbour is connected: its log is read now and from time to time, until it leaves. */
  follow(peerId: string): void {
    if (this.#isClosing) return;
    const neighbour = this.#neighbours.get(peerId) ?? newNeighbour(peerId, this.#deps.clock.now());
    this.#neighbours.set(peerId, neighbour);
    neighbour.isAsked = true;
    this.#start();
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
    if (this.#isClosing || this.#served.has(peerId) || this.#served.size >= maxServed) {
      channel.abort(new Error('too many conversations'));
      return;
    }
    this.#served.set(peerId, channel);
    const stall = this.#watch(channel);
    try {
      const first = await channel.receive();
      if (first?.type === 'nudge') this.#onNudge(peerId);
      else if (first !== undefined) {
        await serveLog(channel, first, { log: this.#deps.store, onAnswered: stall.reset });
      }
      await channel.close();
    } catch (error) {
      this.#onFailure(peerId, channel, error);
    } finally {
      stall.cancel();
      this.#served.delete(peerId);
    }
  }

  state(): CatchUpState {
    const now = this.#deps.clock.now();
    const heard = [...this.#neighbours.values()].filter(({ hasAnswered }) => hasAnswered);
    return {
      isFirstRunning: !this.#isFirstDone && heard.some(({ phase }) => phase === 'reading'),
      neighbours: heard.map(({ peerId, behindMessages, isBelowCut, currentAtMs }) => ({
        peerId,
        behindMessages,
        behindMs: behindMessages > 0 || isBelowCut ? now - currentAtMs : 0,
        isBelowCut,
      })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    for (const peerId of this.#neighbours.keys()) this.leave(peerId);
    for (const channel of this.#served.values()) channel.abort(new Error('the node stops'));
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
    for (const neighbour of this.#neighbours.values()) {
      if (this.#running.size >= maxPasses) return;
      if (!neighbour.isAsked || neighbour.phase === 'reading') continue;
      neighbour.cancelTimer?.();
      const pass = this.#run(neighbour);
      this.#running.add(pass);
      void this.#goOnAfter(pass);
    }
  }

  async #goOnAfter(pass: Promise<void>): Promise<void> {
    await pass;
    this.#running.delete(pass);
    this.#start();
  }

  /** Owns its errors. */
  async #run(neighbour: Neighbour): Promise<void> {
    neighbour.phase = 'reading';
    neighbour.isAsked = false;
    neighbour.isNudged = false;
    try {
      await this.#pass(neighbour);
      await this.#deps.cursors.save();
    } catch (error) {
      this.#onFailure(neighbour.peerId, neighbour.channel, error);
    }
    neighbour.channel = undefined;
    neighbour.phase = 'resting';
    // A nudge that came meanwhile may be about what was not in the log yet.
    this.#rest(neighbour, neighbour.isNudged ? nudgeMs : intervalMs);
  }

  #rest(neighbour: Neighbour, delayMs: number): void {
    const { peerId } = neighbour;
    neighbour.cancelTimer?.();
    if (this.#neighbours.get(peerId) !== neighbour) return;
    neighbour.cancelTimer = this.#deps.setTimer(() => this.follow(peerId), delayMs);
  }

  async #pass(neighbour: Neighbour): Promise<void> {
    const { peerId } = neighbour;
    const channel = await this.#deps.openChannel(peerId);
    if (channel === undefined || this.#neighbours.get(peerId) !== neighbour) return;
    neighbour.channel = channel;
    const stall = this.#watch(channel);
    try {
      const result = await followLog(channel, this.#cursorOf(peerId), {
        submit: (bytes) => this.#deps.submit(bytes, `peer:${peerId}`),
        messageCount: () => this.#deps.store.messageCount,
        wait: (delayMs) => this.#wait(delayMs),
        onPage: (progress) => {
          stall.reset();
          this.#onPage(neighbour, progress);
        },
      });
      this.#onResult(neighbour, result);
      await channel.close();
    } finally {
      stall.cancel();
    }
  }

  #cursorOf(peerId: string): Cursor {
    return this.#deps.cursors.get(peerId) ?? { logId: noLogId, nextSeq: 1 };
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#deps.setTimer(resolve, delayMs));
  }

  #onPage(neighbour: Neighbour, { cursor, lastSeq, acceptedCount }: Progress): void {
    const { peerId } = neighbour;
    const now = this.#deps.clock.now();
    this.#deps.cursors.set(peerId, cursor);
    neighbour.hasAnswered = true;
    neighbour.behindMessages = Math.max(0, lastSeq + 1 - cursor.nextSeq);
    if (acceptedCount === 0 || now - neighbour.savedAtMs < progressMs) return;
    neighbour.savedAtMs = now;
    this.#deps.log.info({ peerId, behindMessages: neighbour.behindMessages }, 'catching up');
    this.#deps.cursors.save().catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, 'cursors could not be kept');
    });
  }

  #onResult(neighbour: Neighbour, result: FollowResult): void {
    neighbour.hasAnswered = true;
    neighbour.isBelowCut = result === 'below-cut';
    if (result === 'caught-up') {
      if (!this.#isFirstDone) this.#deps.log.info({ peerId: neighbour.peerId }, 'caught up');
      this.#isFirstDone = true;
      neighbour.currentAtMs = this.#deps.clock.now();
    } else if (result === 'gap') {
      this.#deps.cursors.forget(neighbour.peerId);
      neighbour.isAsked = true;
    }
  }

  #onFailure(peerId: string, channel: SyncChannel | undefined, error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    channel?.abort(cause);
    this.#deps.log.debug({ peerId, err: cause }, 'a conversation of catch-up failed');
    if (!(cause instanceof TangleError) || errorTable[cause.code].blame !== 'sender') return;
    this.leave(peerId);
    this.#deps.onMisbehaviour(peerId, cause);
  }

  /** Ends a conversation that gets nowhere. */
  #watch(channel: SyncChannel): { readonly reset: () => void; readonly cancel: () => void } {
    const arm = (): (() => void) =>
      this.#deps.setTimer(() => channel.abort(new Error('the neighbour stalls')), stallMs);
    let cancel = arm();
    return {
      reset: () => {
        cancel();
        cancel = arm();
      },
      cancel: () => cancel(),
    };
  }
}

function newNeighbour(peerId: string, now: number): Neighbour {
  return {
    peerId,
    phase: 'resting',
    isAsked: false,
    isNudged: false,
    hasAnswered: false,
    isBelowCut: false,
    behindMessages: 0,
    currentAtMs: now,
    savedAtMs: now,
  };
}
