// The side of a conversation of catch-up that follows: reads a neighbour's log from a cursor on and brings it to the
// door. Where nothing is missing it trusts nobody; what was pruned there it can only be told by who is trusted.
import { messageIdHex, messageIdOf } from '../protocol/ids.ts';
import type { Outcome } from '../tangle/outcome.ts';
import { nextFrame } from './sync-channel.ts';
import type { SyncChannel } from './sync-channel.ts';
import { maxPageRecords, noLogId, syncFault } from './sync-frames.ts';
import type { SyncFrame } from './sync-frames.ts';
import type { Cursor } from './sync-log.ts';

/** Pause before messages go to the door again that had no room; after so many pauses the pass is given up. */
const busyPauseMs = 100;
const maxBusyRounds = 100;
/** In one conversation the cut may overtake the cursor so often. */
const maxCuts = 64;

export interface FollowDeps {
  /** The one door; the messages come from a neighbour like any other. */
  readonly submit: (bytes: Uint8Array) => Promise<Outcome>;
  /** How many messages, and ids as entry points, were here when the reading began, and all that came since. */
  readonly heldCount: () => number;
  readonly isEmpty: () => boolean;
  /** Whether anything was pruned here, perhaps while this log is read. */
  readonly isCut: () => boolean;
  /**
   * The ids, as hex, that this node's own log begins with, when that is not the genesis: its past was pruned,
   * or begins at a boundary.
   */
  readonly readHorizon: () => Promise<ReadonlySet<string> | undefined>;
  /** Makes the boundary of that log ours. Absent when its neighbour is not trusted. */
  readonly takeBoundary?: (() => Promise<Cursor>) | undefined;
  readonly wait: (delayMs: number) => Promise<void>;
  /** Of every page that came. */
  readonly onAlive: () => void;
  /** Of every page that was taken in. */
  readonly onPage: (progress: Progress) => void;
}

export interface Progress {
  /** Everything before it is stored here as durably as the settings promise. */
  readonly cursor: Cursor;
  /** The end of the neighbour's log when it sent this page. */
  readonly lastSeq: number;
  /** New ones of this page. */
  readonly acceptedCount: number;
}

/**
 * `below-cut`: what is missing here was pruned there, and what is left builds on it. `gap`: what came names
 * parents that neither this node has nor the log from the cursor on; only from its beginning can it be whole.
 */
export type FollowResult = 'caught-up' | 'below-cut' | 'gap';

/**
 * What a message may name: `middle`: also what stands before the cursor, which should be here; `whole`: only what
 * was read, or belongs to a boundary that was taken over; `cut`: also what was pruned there.
 */
type Ground = 'middle' | 'whole' | 'cut';

type BelowCut = SyncFrame & { readonly type: 'below-cut' };

interface Page extends Cursor {
  readonly type: 'page';
  readonly lastSeq: number;
  readonly messages: readonly Uint8Array[];
}

/** Takes in what the neighbour has from the cursor on. Throws FRAME_INVALID and the codes of its messages. */
export function followLog(
  channel: SyncChannel,
  start: Cursor,
  deps: FollowDeps,
): Promise<FollowResult> {
  return new LogReader(channel, start, deps).read();
}

class LogReader {
  readonly #channel: SyncChannel;
  readonly #deps: FollowDeps;
  #cursor: Cursor;
  #ground: Ground = 'middle';
  /** Where the log begins, as far as it was not pruned. */
  #beginning: Cursor;
  #horizon: ReadonlySet<string> | undefined;
  /** What stands before our own beginning is not wanted, and would be taken for new. */
  #isSeeking = false;
  #metCount = 0;
  #cutCount = 0;
  #knownCount = 0;

  constructor(channel: SyncChannel, start: Cursor, deps: FollowDeps) {
    this.#channel = channel;
    this.#cursor = start;
    this.#beginning = start;
    this.#deps = deps;
  }

  async read(): Promise<FollowResult> {
    this.#horizon = await this.#deps.readHorizon();
    // A log that was empty once may stand on a boundary now.
    if (this.#cursor.logId === noLogId) this.#begin('whole', this.#cursor);
    await this.#ask();
    for (;;) {
      const page = await readPage(this.#channel, this.#cursor);
      this.#deps.onAlive();
      const result = page.type === 'below-cut' ? await this.#onCut(page) : await this.#onPage(page);
      if (result !== undefined) return result;
    }
  }

  #begin(ground: Ground, beginning: Cursor): void {
    this.#ground = ground;
    this.#cursor = beginning;
    this.#beginning = beginning;
    this.#isSeeking = this.#horizon !== undefined && !this.#deps.isEmpty();
    this.#metCount = 0;
  }

  async #ask(): Promise<void> {
    const { logId, nextSeq } = this.#cursor;
    await this.#channel.send([{ type: 'ask', logId, fromSeq: nextSeq }]);
  }

  /** Whoever has something may need no boundary: all that is left there may build on what is here. */
  async #onCut({ logId, cutSeq }: BelowCut): Promise<undefined> {
    this.#cutCount += 1;
    if (this.#cutCount > maxCuts) throw new Error('the log is cut faster than it can be read');
    if (this.#deps.isEmpty() && this.#deps.takeBoundary !== undefined) {
      await this.#takeBoundary(this.#deps.takeBoundary);
      return;
    }
    this.#begin('cut', { logId, nextSeq: cutSeq + 1 });
    await this.#ask();
  }

  async #takeBoundary(take: () => Promise<Cursor>): Promise<void> {
    this.#begin('whole', await take());
    this.#isSeeking = false;
    await this.#ask();
  }

  async #onPage(page: Page): Promise<FollowResult | undefined> {
    const { logId, nextSeq, lastSeq } = page;
    if (logId !== this.#cursor.logId) this.#begin('whole', { logId, nextSeq: 1 });
    this.#cursor = { logId, nextSeq };
    const isLast = isEnd(page);
    // The next page is on its way while this one goes through the door.
    if (!isLast) await this.#ask();
    const wanted = this.#wantedOf(page.messages);
    if (this.#isSeeking) return isLast ? this.#onNothingInCommon() : undefined;
    const taken = await takeIn(wanted, this.#deps);
    if (taken.isStuck && !this.#mayPassOver()) return this.#onStuck(isLast);
    this.#knownCount += taken.knownCount;
    // A log has each message once, so it cannot have more known ones than we ever had.
    if (this.#knownCount > this.#deps.heldCount()) throw syncFault('The log repeats messages.');
    this.#deps.onPage({ cursor: this.#cursor, lastSeq, acceptedCount: taken.acceptedCount });
    return isLast ? 'caught-up' : undefined;
  }

  /**
   * From where half of our oldest messages went by. Logs of one network differ in their order by what comes at the
   * same time; what is unknown among those messages was pruned here, or stood before our boundary.
   */
  #wantedOf(messages: readonly Uint8Array[]): readonly Uint8Array[] {
    if (!this.#isSeeking) return messages;
    const horizon = this.#horizon ?? new Set();
    for (const [position, bytes] of messages.entries()) {
      if (horizon.has(messageIdHex(messageIdOf(bytes)))) this.#metCount += 1;
      if (this.#metCount < horizon.size / 2) continue;
      this.#isSeeking = false;
      this.#ground = 'middle';
      return messages.slice(position);
    }
    return [];
  }

  /** It begins above our own beginning, or is another Tangle: all of it is wanted. */
  async #onNothingInCommon(): Promise<undefined> {
    this.#isSeeking = false;
    this.#cursor = this.#beginning;
    await this.#ask();
  }

  /** Whether messages that miss a parent are left to the fetcher: they build on what was pruned here. */
  #mayPassOver(): boolean {
    if (this.#ground === 'cut') return false;
    const isMissingHere = this.#horizon !== undefined || this.#deps.isCut();
    if (this.#ground === 'whole' && !isMissingHere) {
      throw syncFault('The log names parents that it does not have.');
    }
    return isMissingHere;
  }

  async #onStuck(isLast: boolean): Promise<FollowResult | undefined> {
    if (this.#ground !== 'cut') return 'gap';
    const { takeBoundary } = this.#deps;
    if (takeBoundary === undefined) return 'below-cut';
    // The page that is on its way already.
    if (!isLast) await readPage(this.#channel, this.#cursor);
    await this.#takeBoundary(takeBoundary);
    return undefined;
  }
}

function isEnd({ messages, nextSeq, lastSeq }: Page): boolean {
  return messages.length === 0 || nextSeq > lastSeq;
}

async function readPage(channel: SyncChannel, cursor: Cursor): Promise<Page | BelowCut> {
  const head = await nextFrame(channel);
  if (head.type === 'below-cut') return checkedCut(head, cursor);
  if (head.type !== 'page' || head.count > maxPageRecords) throw syncFault('This is no page.');
  const { type, logId, lastSeq } = head;
  let nextSeq = logId === cursor.logId ? cursor.nextSeq : 1;
  const messages: Uint8Array[] = [];
  while (messages.length < head.count) {
    const record = await nextFrame(channel);
    if (record.type !== 'record') throw syncFault('A page is made of records.');
    if (record.seq < nextSeq) throw syncFault('A log only goes on.');
    nextSeq = record.seq + 1;
    messages.push(record.bytes);
  }
  return { type, logId, lastSeq, nextSeq, messages };
}

function checkedCut(head: BelowCut, { logId, nextSeq }: Cursor): BelowCut {
  if (head.logId === logId && head.cutSeq < nextSeq) throw syncFault('This was not cut.');
  return head;
}

interface Taken {
  readonly acceptedCount: number;
  readonly knownCount: number;
  /** Messages are left whose parents nobody has sent. */
  readonly isStuck: boolean;
}

/** All go to the door together, in their order; again until each is stored, or until that leads nowhere. */
async function takeIn(messages: readonly Uint8Array[], deps: FollowDeps): Promise<Taken> {
  let left = messages;
  let [acceptedCount, knownCount] = [0, 0];
  for (let round = 0; left.length > 0; round++) {
    const outcomes = await Promise.all(left.map((bytes) => deps.submit(bytes)));
    const count = countOf(outcomes);
    acceptedCount += count.accepted;
    knownCount += count.known;
    left = left.filter((_, position) => isOpen(outcomes[position]));
    if (count.busy > 0) await waitForRoom(round, deps);
    // Waiting ones may be solid already: their parents may stand further on in the same page.
    else if (round > 0 && count.pending === outcomes.length) break;
  }
  return { acceptedCount, knownCount, isStuck: left.length > 0 };
}

function countOf(outcomes: readonly Outcome[]): Record<Outcome['kind'], number> {
  const count = { accepted: 0, known: 0, pending: 0, rejected: 0, busy: 0 };
  for (const outcome of outcomes) {
    if (outcome.kind === 'rejected') throw outcome.error;
    count[outcome.kind] += 1;
  }
  return count;
}

function isOpen(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'busy' || outcome?.kind === 'pending';
}

async function waitForRoom(round: number, { wait }: FollowDeps): Promise<void> {
  if (round >= maxBusyRounds) throw new Error('the door has no room');
  await wait(busyPauseMs);
}
