// A neighbour whose log is followed: how far it was read, and how much of what it claims is believed. Pure
// bookkeeping.
import type { SyncChannel } from './sync-channel.ts';
import type { Progress } from './sync-follow.ts';

export interface NeighbourProgress {
  readonly peerId: string;
  /** Its log is being read. */
  readonly isReading: boolean;
  /** New messages that its log brought since it began to be read, this time or the last. */
  readonly takenMessages: number;
  /** How long that has taken, or took. */
  readonly takenMs: number;
  /** In its log and not read here, as far as it was heard. */
  readonly behindMessages: number;
  /** Since its log was last read to the end; 0 when it is. */
  readonly behindMs: number;
  /** What is missing here was pruned there, so that it cannot bring us up to date. */
  readonly isBelowCut: boolean;
  /** Its boundary is believed. */
  readonly isTrusted: boolean;
  /** It brings new messages as fast as only work can make them, so it has what it claims to have. */
  readonly isDelivering: boolean;
}

export interface CatchUpState {
  /** No log was read to its end since the start, or since a boundary was taken over, and one is being read. */
  readonly isFirstRunning: boolean;
  /** A log was read to its end since the start. */
  readonly hasCaughtUp: boolean;
  /** So were all that are connected, since they are, but those that bring next to nothing for a minute. */
  readonly isCurrent: boolean;
  /** Those that speak catch-up. */
  readonly neighbours: readonly NeighbourProgress[];
}

export interface Followed {
  readonly peerId: string;
  readonly isTrusted: boolean;
  readonly connectedAtMs: number;
  /** Its log was read to its end since then. */
  hasCaughtUp: boolean;
  /** Resting until its timer or until there is room for one more. */
  phase: 'reading' | 'resting';
  /** Its log is read from the beginning. */
  isFromBeginning: boolean;
  /** To be read again at once. */
  isAsked: boolean;
  isNudged: boolean;
  hasAnswered: boolean;
  isBelowCut: boolean;
  behindMessages: number;
  /** When its log was last read to the end; when it was first heard before that. */
  currentAtMs: number;
  savedAtMs: number;
  takenMessages: number;
  beganAtMs: number;
  endedAtMs: number;
  delivered: { readonly sinceMs: number; readonly messages: number };
  delivering: { readonly untilMs: number };
  channel?: SyncChannel | undefined;
  cancelTimer?: (() => void) | undefined;
}

/** So many new messages in so short a time: whoever lies about the length of its log does the work of them all. */
const deliveryMessages = 1_000;
const deliveryMs = 60_000;

export function newFollowed(
  { peerId, isTrusted }: Pick<Followed, 'peerId' | 'isTrusted'>,
  nowMs: number,
): Followed {
  return {
    peerId,
    isTrusted,
    connectedAtMs: nowMs,
    hasCaughtUp: false,
    phase: 'resting',
    isFromBeginning: false,
    isAsked: false,
    isNudged: false,
    hasAnswered: false,
    isBelowCut: false,
    behindMessages: 0,
    currentAtMs: nowMs,
    savedAtMs: nowMs,
    takenMessages: 0,
    beganAtMs: nowMs,
    endedAtMs: nowMs,
    delivered: { sinceMs: nowMs, messages: 0 },
    delivering: { untilMs: 0 },
  };
}

/** One page was taken in. */
export function notePage(followed: Followed, page: Progress, nowMs: number): void {
  followed.hasAnswered = true;
  followed.behindMessages = Math.max(0, page.lastSeq + 1 - page.cursor.nextSeq);
  followed.takenMessages += page.acceptedCount;
  const isOld = nowMs - followed.delivered.sinceMs >= deliveryMs;
  const { sinceMs, messages } = isOld ? { sinceMs: nowMs, messages: 0 } : followed.delivered;
  followed.delivered = { sinceMs, messages: messages + page.acceptedCount };
  if (followed.delivered.messages < deliveryMessages) return;
  followed.delivering = { untilMs: nowMs + deliveryMs };
  followed.delivered = { sinceMs: nowMs, messages: 0 };
}

export function progressOf(followed: Followed, nowMs: number): NeighbourProgress {
  const { peerId, isTrusted, phase, takenMessages, behindMessages, isBelowCut } = followed;
  const isReading = phase === 'reading';
  return {
    peerId,
    isReading,
    takenMessages,
    takenMs: (isReading ? nowMs : followed.endedAtMs) - followed.beganAtMs,
    behindMessages,
    behindMs: behindMessages > 0 || isBelowCut ? nowMs - followed.currentAtMs : 0,
    isBelowCut,
    isTrusted,
    isDelivering: nowMs < followed.delivering.untilMs,
  };
}

/**
 * Whether others that would be read from the beginning wait for this one: all logs hold much the same, and where a
 * node's own past begins must be settled once. Nobody waits long for one that delivers nothing.
 */
function isFirstInLine(followed: Followed, nowMs: number): boolean {
  if (followed.phase !== 'reading' || !followed.isFromBeginning) return false;
  return nowMs - followed.beganAtMs < deliveryMs || nowMs < followed.delivering.untilMs;
}

/**
 * Whether clients wait until this log is read to its end, because it is the first: one that brings next to nothing
 * keeps them no longer than a minute since the first log was heard of.
 */
export function isAwaited(followed: Followed, heardAtMs: number, nowMs: number): boolean {
  if (followed.phase !== 'reading') return false;
  return nowMs - heardAtMs < deliveryMs || nowMs < followed.delivering.untilMs;
}

/** Whether what the connected ones have is here, as far as they bring it. */
export function areCurrent(all: readonly Followed[], nowMs: number): boolean {
  const isAwaitedStill = (one: Followed): boolean =>
    nowMs - one.connectedAtMs < deliveryMs || nowMs < one.delivering.untilMs;
  return (
    all.some(({ hasCaughtUp }) => hasCaughtUp) &&
    all.every((one) => one.hasCaughtUp || !isAwaitedStill(one))
  );
}

/** Of those read at a time, as many may be of strangers: they may take their time, and keep nobody else waiting. */
const maxReadStrangers = 2;

/** Whether one is not read yet, for what the others that are read now; who was named waits for no stranger. */
export function waitsForOthers(
  { peerId, isFromBeginning }: Pick<Followed, 'peerId' | 'isFromBeginning'>,
  reading: readonly Followed[],
  { isNamed, nowMs }: { readonly isNamed: (peerId: string) => boolean; readonly nowMs: number },
): boolean {
  const isStranger = !isNamed(peerId);
  const strangers = reading.filter((other) => !isNamed(other.peerId));
  if (isStranger && strangers.length >= maxReadStrangers) return true;
  if (!isFromBeginning) return false;
  return reading.some(
    (other) => isFirstInLine(other, nowMs) && (isStranger || isNamed(other.peerId)),
  );
}

/** In whose log it is looked first: those that the owner named, then those that were not read for longest. */
export function inTurn(
  all: readonly Followed[],
  isNamed: (peerId: string) => boolean,
): readonly Followed[] {
  const rank = ({ peerId }: Followed): number => (isNamed(peerId) ? 0 : 1);
  return all.toSorted((a, b) => rank(a) - rank(b) || a.endedAtMs - b.endedAtMs);
}
