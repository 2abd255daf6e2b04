// How far the cut should move: a pure function of sizes, ages, counts, the limits and what the clock is worth.
import type { PruningLimits } from './limits.ts';

/** These stay whatever happens, so that there is something to answer with and to build on. */
export const minKeptMessages = 100;
/** A limit in messages is cut down to a little less than it allows, so that slices are worth their fsync. */
const countSlackShare = 0.01;
/** Cut at a time to be rid of entry points: a slice, because each message names eight at the most, and most name none. */
const messagesForPoints = 16_384;

/** More than the door needs to open again. */
const underwayShare = 1.1;

const MiB = 1024 * 1024;

/** How far the data folder may exceed its limit: what LevelDB writes anew before it removes the old. */
export function allowanceOf(maxSizeBytes: number): number {
  return Math.max(64 * MiB, maxSizeBytes / 10);
}

/** Pruning begins before the limit is reached. */
export function headroomOf(maxSizeBytes: number): number {
  return Math.min(maxSizeBytes / 16, 256 * MiB);
}

export interface PruningFacts {
  readonly cutSeq: number;
  readonly messageCount: number;
  readonly folderBytes: number;
  readonly storeBytes: number;
  readonly freeBytes: number;
  readonly entryPointCount: number;
  /** Pruning has begun and goes on until there is some room, so that it need not begin again at once. */
  readonly isUnderway: boolean;
  /** Of `storeBytes`: pruned already, and gone with the next compaction. */
  readonly reclaimableBytes: number;
  /** Of `storeBytes`: of pinned messages, which pruning does not free. */
  readonly pinnedBytes: number;
  /** The newest messages that are older than `maxAgeMs`, and than `minAgeMs`. */
  readonly maxAgeSeq: number;
  readonly minAgeSeq: number;
  /** The oldest of the newest tips; it and what is newer stays. */
  readonly oldestTipSeq: number;
  /** Ages mean something: not before the program was built, not just after a jump. */
  readonly isClockTrusted: boolean;
  /** The seq above which the newest `count` messages lie. */
  readonly seqBeforeNewest: (count: number) => number;
}

export interface Decision {
  /** `cutSeq` when nothing is to be done. */
  readonly upToSeq: number;
  /** The disk asks for more than may go. */
  readonly isBlocked: boolean;
  /** More messages are kept than the limit says, because they are too young. */
  readonly isTooYoung: boolean;
}

/**
 * Age and number respect `minAgeMs`: honest messages may still name what is younger. The size does not,
 * because a full disk ends the node, nor do entry points, because memory has an end: of what they take that is young,
 * tips and named parents stay solid as entry points. Nothing takes the newest tips or the newest messages.
 */
export function decide(facts: PruningFacts, limits: PruningLimits): Decision {
  const hardFloor = hardFloorOf(facts);
  const softFloor = facts.isClockTrusted ? Math.min(hardFloor, facts.minAgeSeq) : facts.cutSeq;
  const soft = Math.max(wishOfAge(facts, limits), wishOfCount(facts, limits));
  const bytes = wishOfBytes(facts, limits);
  const hard = Math.max(bytes, wishOfPoints(facts, limits));
  const upToSeq = Math.max(facts.cutSeq, Math.min(soft, softFloor), Math.min(hard, hardFloor));
  return { upToSeq, isBlocked: bytes > hardFloor, isTooYoung: soft > Math.max(softFloor, upToSeq) };
}

/** What the owner asks for goes below the age, but leaves the newest too. */
export function hardFloorOf(facts: Pick<PruningFacts, 'oldestTipSeq' | 'seqBeforeNewest'>): number {
  // Where the genesis is a tip, there is nothing to cut, and nothing to complain of.
  return Math.max(0, Math.min(facts.oldestTipSeq - 1, facts.seqBeforeNewest(minKeptMessages)));
}

function wishOfAge(facts: PruningFacts, { maxAgeMs }: PruningLimits): number {
  return maxAgeMs !== undefined && facts.isClockTrusted ? facts.maxAgeSeq : 0;
}

function wishOfCount(facts: PruningFacts, { maxMessages }: PruningLimits): number {
  if (maxMessages === undefined) return 0;
  const target = Math.floor(maxMessages * (1 - countSlackShare));
  if (facts.messageCount <= (facts.isUnderway ? target : maxMessages)) return 0;
  return facts.seqBeforeNewest(target);
}

/** They go with the messages that name them. How many with how many messages nobody knows before. */
function wishOfPoints(facts: PruningFacts, limits: PruningLimits): number {
  const { entryPointCount, isUnderway, messageCount, seqBeforeNewest } = facts;
  const { maxEntryPoints } = limits;
  const allowed = isUnderway ? Math.floor(maxEntryPoints * (1 - countSlackShare)) : maxEntryPoints;
  if (entryPointCount <= allowed || keepsEverything(limits)) return 0;
  return seqBeforeNewest(Math.max(0, messageCount - messagesForPoints));
}

function wishOfBytes(facts: PruningFacts, limits: PruningLimits): number {
  return seqToFree(facts, Math.max(excessBytes(facts, limits), deficitBytes(facts, limits)));
}

/** How far to cut for this many bytes, going by what a message takes on average. */
export function seqToFree(
  facts: Pick<
    PruningFacts,
    'storeBytes' | 'reclaimableBytes' | 'pinnedBytes' | 'messageCount' | 'seqBeforeNewest'
  >,
  wantedBytes: number,
): number {
  const liveBytes = facts.storeBytes - facts.reclaimableBytes - facts.pinnedBytes;
  if (wantedBytes <= 0 || liveBytes <= 0) return 0;
  const share = Math.min(1, wantedBytes / liveBytes);
  return facts.seqBeforeNewest(Math.floor(facts.messageCount * (1 - share)));
}

function excessBytes(facts: PruningFacts, { maxSizeBytes }: PruningLimits): number {
  if (maxSizeBytes === undefined) return 0;
  const roomBytes = headroomOf(maxSizeBytes) * (facts.isUnderway ? 2 : 1);
  const targetBytes = maxSizeBytes - roomBytes;
  return facts.folderBytes - facts.reclaimableBytes - targetBytes;
}

function keepsEverything({ maxSizeBytes, maxAgeMs, maxMessages }: PruningLimits): boolean {
  return maxSizeBytes === undefined && maxAgeMs === undefined && maxMessages === undefined;
}

/** Who keeps everything is not made to forget by a full disk. */
function deficitBytes(facts: PruningFacts, limits: PruningLimits): number {
  if (keepsEverything(limits)) return 0;
  const { reserveDiskBytes } = limits;
  const wantedBytes = reserveDiskBytes * (facts.isUnderway ? underwayShare : 1);
  return wantedBytes - facts.freeBytes - facts.reclaimableBytes;
}
