// The two sides of one conversation of catch-up: a log that is read from a seq on, page by page.
import type { Store, StoredMessage } from '../storage/store.ts';
import type { Outcome } from '../tangle/outcome.ts';
import type { SyncChannel } from './sync-channel.ts';
import { maxPageBytes, maxPageRecords, syncFault } from './sync-frames.ts';
import type { SyncFrame } from './sync-frames.ts';

/** Where to go on in a neighbour's log. */
export interface Cursor {
  readonly logId: string;
  readonly nextSeq: number;
}

export type ReadableLog = Pick<Store, 'logId' | 'lastSeq' | 'cutSeq' | 'readLog'>;

/** Pause before messages go to the door again that had no room; after so many pauses the pass is given up. */
const busyPauseMs = 100;
const maxBusyRounds = 100;

// ---- the side that has the log ----

/** Answers one question after the other until the follower ends it. Nothing is held between them. */
export async function serveLog(
  channel: SyncChannel,
  first: SyncFrame,
  deps: { readonly log: ReadableLog; readonly onAnswered: () => void },
): Promise<void> {
  for (
    let question: SyncFrame | undefined = first;
    question !== undefined;
    question = await channel.receive()
  ) {
    if (question.type !== 'ask') throw syncFault('A follower only asks.');
    await channel.send(await answerOf(question, deps.log));
    deps.onAnswered();
  }
  await channel.close();
}

async function answerOf(
  question: SyncFrame & { readonly type: 'ask' },
  log: ReadableLog,
): Promise<readonly SyncFrame[]> {
  const fromSeq = question.logId === log.logId ? question.fromSeq : 1;
  const { logId, cutSeq } = log;
  if (fromSeq <= cutSeq) return [{ type: 'below-cut', cutSeq }];
  const page = { fromSeq, limit: maxPageRecords, maxBytes: maxPageBytes };
  const records = await log.readLog(page);
  const lastSeq = Math.max(log.lastSeq, records.at(-1)?.seq ?? 0);
  return [{ type: 'page', logId, lastSeq, count: records.length }, ...records.map(recordFrame)];
}

function recordFrame({ seq, bytes }: StoredMessage): SyncFrame {
  return { type: 'record', seq, bytes };
}

// ---- the side that follows ----

export interface FollowDeps {
  /** The one door; the messages come from a neighbour like any other. */
  readonly submit: (bytes: Uint8Array) => Promise<Outcome>;
  /** How many messages this node holds. */
  readonly messageCount: () => number;
  readonly wait: (delayMs: number) => Promise<void>;
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
 * `below-cut`: what comes next was pruned there. `gap`: what came names parents that neither this node
 * has nor the log from the cursor on; only from its beginning can it be whole.
 */
export type FollowResult = 'caught-up' | 'below-cut' | 'gap';

interface Page extends Cursor {
  readonly lastSeq: number;
  readonly messages: readonly Uint8Array[];
}

/** Takes in what the neighbour has from the cursor on. Throws FRAME_INVALID and the codes of its messages. */
export async function followLog(
  channel: SyncChannel,
  start: Cursor,
  deps: FollowDeps,
): Promise<FollowResult> {
  let cursor = start;
  let isWhole = start.nextSeq <= 1;
  let knownCount = 0;
  await askFrom(channel, cursor);
  for (;;) {
    const page = await readPage(channel, cursor);
    if (page === 'below-cut') return page;
    isWhole ||= page.logId !== cursor.logId;
    cursor = { logId: page.logId, nextSeq: page.nextSeq };
    const isLast = isEnd(page);
    // The next page is on its way while this one goes through the door.
    if (!isLast) await askFrom(channel, cursor);
    const taken = await takeIn(page.messages, deps);
    if (taken.isStuck) return gapUnless(isWhole);
    knownCount += taken.knownCount;
    // A log has each message once, so it cannot have more known ones than we have.
    if (knownCount > deps.messageCount()) throw syncFault('The log repeats messages.');
    deps.onPage({ cursor, lastSeq: page.lastSeq, acceptedCount: taken.acceptedCount });
    if (isLast) return 'caught-up';
  }
}

function isEnd({ messages, nextSeq, lastSeq }: Page): boolean {
  return messages.length === 0 || nextSeq > lastSeq;
}

function gapUnless(isWhole: boolean): 'gap' {
  if (isWhole) throw syncFault('The log names parents that it does not have.');
  return 'gap';
}

async function askFrom(channel: SyncChannel, { logId, nextSeq }: Cursor): Promise<void> {
  await channel.send([{ type: 'ask', logId, fromSeq: nextSeq }]);
}

async function readPage(channel: SyncChannel, cursor: Cursor): Promise<Page | 'below-cut'> {
  const head = await nextFrame(channel);
  if (head.type === 'below-cut') return 'below-cut';
  if (head.type !== 'page' || head.count > maxPageRecords) throw syncFault('This is no page.');
  const { logId, lastSeq } = head;
  let nextSeq = logId === cursor.logId ? cursor.nextSeq : 1;
  const messages: Uint8Array[] = [];
  while (messages.length < head.count) {
    const record = await nextFrame(channel);
    if (record.type !== 'record') throw syncFault('A page is made of records.');
    if (record.seq < nextSeq) throw syncFault('A log only goes on.');
    nextSeq = record.seq + 1;
    messages.push(record.bytes);
  }
  return { logId, lastSeq, nextSeq, messages };
}

/** A neighbour that goes away in the middle did nothing wrong. */
async function nextFrame(channel: SyncChannel): Promise<SyncFrame> {
  const frame = await channel.receive();
  if (frame === undefined) throw new Error('the neighbour ended the conversation');
  return frame;
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
