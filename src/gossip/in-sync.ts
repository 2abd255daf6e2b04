// Whether this node has what its neighbours have, by the logs of those that speak catch-up. Pure. A neighbour of
// another make has no log to follow and counts while its heartbeats come; what waits for parents counts nowhere.
import type { CatchUpState, NeighbourProgress } from './followed.ts';

/** A node that lacks more of a neighbour's log, or lacks something for longer, is not in sync. */
export const maxBehindMessages = 1_000;
export const maxBehindMs = 60_000;

export interface SyncStatus {
  /** Why the node is not in sync; absent when it is. */
  readonly reason?: string | undefined;
  /** Attaching is refused meanwhile. */
  readonly isFirstCatchUp: boolean;
  /** New messages of the logs that are read now, and how long the longest of them has taken so far. */
  readonly takenMessages: number;
  readonly takenMs: number;
  /** In the log of the neighbour that is furthest ahead, and missing here. */
  readonly behindMessages: number;
  readonly neighbours: readonly NeighbourProgress[];
}

/**
 * `isConfigured`: the owner's neighbours count by their word, all others only while they deliver what they
 * claim to have: else anybody could make the node look out of sync.
 */
export function syncStatus(
  { isFirstRunning, hasCaughtUp, neighbours }: CatchUpState,
  isConfigured: (peerId: string) => boolean,
): SyncStatus {
  const counting = neighbours.filter((one) => isConfigured(one.peerId) || one.isDelivering);
  const cut = neighbours.filter((one) => one.isBelowCut);
  const cutOff = cut.find((one) => isConfigured(one.peerId) || !hasCaughtUp);
  const reading = neighbours.filter(({ isReading }) => isReading);
  return {
    reason: cutOff ? whyCutOff(cutOff) : whyBehind(counting),
    isFirstCatchUp: isFirstRunning,
    takenMessages: reading.reduce((sum, { takenMessages }) => sum + takenMessages, 0),
    takenMs: Math.max(0, ...reading.map(({ takenMs }) => takenMs)),
    behindMessages: Math.max(0, ...counting.map(({ behindMessages }) => behindMessages)),
    neighbours,
  };
}

function whyCutOff({ isTrusted }: NeighbourProgress): string {
  return isTrusted
    ? 'A trusted neighbour has pruned what is missing here, and its boundary is not taken over yet; the log says why.'
    : 'A neighbour has pruned what is missing here; if you trust it, add its peer id, which the log tells, to gossip.trusted.';
}

function whyBehind(counting: readonly NeighbourProgress[]): string | undefined {
  const isBehind = counting.some(
    ({ behindMessages, behindMs }) => behindMessages > maxBehindMessages || behindMs > maxBehindMs,
  );
  return isBehind ? 'A neighbour has messages that are missing here.' : undefined;
}
