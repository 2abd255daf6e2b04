// How much the door is slowed when the data folder grows faster than it can be pruned. Pure.
import { allowanceOf } from './policy.ts';

/** Between two batches, at the most before the door is held shut. */
const maxDelayMs = 50;
/** Shares of the allowance above the limit. Above the last, nothing comes in until the folder is smaller. */
const slowFrom = 0.2;
const shutFrom = 0.5;

/** Milliseconds to wait before each batch; Infinity holds the door shut. */
export function delayOf(folderBytes: number, maxSizeBytes: number | undefined): number {
  if (maxSizeBytes === undefined) return 0;
  const share = (folderBytes - maxSizeBytes) / allowanceOf(maxSizeBytes);
  if (share < slowFrom) return 0;
  if (share >= shutFrom) return Infinity;
  return Math.ceil((maxDelayMs * (share - slowFrom)) / (shutFrom - slowFrom));
}
