// What the owner asks for beside the limits, and what it would take. Pure.
import { hardFloorOf, seqToFree } from './policy.ts';
import type { PruningFacts } from './policy.ts';

export type PruneWish =
  | { readonly toSeq: number }
  | { readonly keepMessages: number }
  | { readonly targetSizeBytes: number };

export interface PrunePlan {
  readonly fromSeq: number;
  /** May lie before what was asked for: the newest messages stay. */
  readonly toSeq: number;
  readonly messageCount: number;
  readonly estimatedBytes: number;
}

/** Whoever asks knows what is young: only the newest tips and messages are kept from them. */
export function planOf(wish: PruneWish, facts: PruningFacts): PrunePlan {
  const { cutSeq, messageCount, storeBytes, reclaimableBytes, pinnedBytes } = facts;
  const toSeq = Math.max(cutSeq, Math.min(seqOf(wish, facts), hardFloorOf(facts)));
  const count = messageCount - countAbove(toSeq, facts);
  const share = messageCount === 0 ? 0 : count / messageCount;
  return {
    fromSeq: cutSeq + 1,
    toSeq,
    messageCount: count,
    estimatedBytes: Math.floor(share * Math.max(0, storeBytes - reclaimableBytes - pinnedBytes)),
  };
}

function seqOf(wish: PruneWish, facts: PruningFacts): number {
  if ('toSeq' in wish) return wish.toSeq;
  if ('keepMessages' in wish) return facts.seqBeforeNewest(wish.keepMessages);
  return seqToFree(facts, facts.folderBytes - facts.reclaimableBytes - wish.targetSizeBytes);
}

/** By halving: `seqBeforeNewest` never rises with the count. */
function countAbove(seq: number, { messageCount, seqBeforeNewest }: PruningFacts): number {
  let [low, high] = [0, messageCount];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (seqBeforeNewest(middle) <= seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
