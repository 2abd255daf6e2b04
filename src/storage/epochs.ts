// Arithmetic of sequence numbers that jump: functions of the epochs alone, which stand in ascending order.
import { seqOfKey } from './layout.ts';
import type { Epoch } from './layout.ts';

/** Numbers `firstSeq` to `lastSeq`, all of which are given to messages. */
interface Stretch {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Newest first. */
function stretchesBackwards(epochs: readonly Epoch[], upToSeq: number): readonly Stretch[] {
  let endSeq = upToSeq;
  return epochs.toReversed().flatMap(({ firstSeq, lastSeqBefore }) => {
    const lastSeq = endSeq;
    endSeq = Math.min(endSeq, lastSeqBefore);
    return lastSeq < firstSeq ? [] : [{ firstSeq, lastSeq }];
  });
}

/** How many numbers after `afterSeq` and up to `upToSeq` are given to messages. */
export function countMessages(
  epochs: readonly Epoch[],
  { afterSeq, upToSeq }: { readonly afterSeq: number; readonly upToSeq: number },
): number {
  return stretchesBackwards(epochs, upToSeq).reduce(
    (count, { firstSeq, lastSeq }) =>
      count + Math.max(0, lastSeq - Math.max(firstSeq - 1, afterSeq)),
    0,
  );
}

/** The seq above which the newest `count` messages up to `upToSeq` lie. */
export function seqBeforeNewest(
  epochs: readonly Epoch[],
  { count, upToSeq }: { readonly count: number; readonly upToSeq: number },
): number {
  let missing = count;
  for (const { firstSeq, lastSeq } of stretchesBackwards(epochs, upToSeq)) {
    const size = lastSeq - firstSeq + 1;
    if (size >= missing) return lastSeq - missing;
    missing -= size;
  }
  return 0;
}

/** Whether nothing was lost between two numbers that follow each other in the log. */
export function isSuccessor(epochs: readonly Epoch[], seq: number, previous: number): boolean {
  if (seq === previous + 1) return true;
  return epochs.some(
    ({ firstSeq, lastSeqBefore }) => firstSeq === seq && lastSeqBefore <= previous,
  );
}

/** The highest number that can have been given under a log id; undefined for another log's id. */
export function lastSeqUnder(epochs: readonly Epoch[], logId: Buffer): number | undefined {
  const position = epochs.findIndex((epoch) => epoch.logId.equals(logId));
  if (position < 0) return undefined;
  return (epochs[position + 1]?.firstSeq ?? Infinity) - 1;
}

/** Whether a message was given this number and none of the later epochs says that it was lost. */
export function isGiven(epochs: readonly Epoch[], seq: number): boolean {
  const position = epochs.findLastIndex(({ firstSeq }) => firstSeq <= seq);
  if (position < 0) return false;
  return epochs.slice(position + 1).every(({ lastSeqBefore }) => seq <= lastSeqBefore);
}

/** The seq before the first jump that no epoch explains, in pages of keys that end with their seqs. */
export async function firstGap(
  epochs: readonly Epoch[],
  pages: AsyncIterable<readonly Buffer[]>,
  seqBefore: number | undefined,
): Promise<number | undefined> {
  let previous = seqBefore;
  for await (const keys of pages) {
    for (const seq of keys.map(seqOfKey)) {
      if (previous !== undefined && !isSuccessor(epochs, seq, previous)) return previous;
      previous = seq;
    }
  }
  return undefined;
}
