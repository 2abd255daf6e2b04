// LevelDB's compaction of a range cannot be stopped once it runs. So it is asked for little at a time.
import type { Database } from './database.ts';
import type { KeyRange, SeqRange } from './layout.ts';

/** Measured: 50 to 100 ms. Tables have 2 MiB, so that less would write the same ones again and again. */
const maxBytes = 16 * 1024 * 1024;

interface Compacted {
  readonly db: Database;
  readonly stop: AbortSignal;
}

/** The keys of the numbers up to one. */
export async function compactSeqs(
  { db, stop }: Compacted,
  rangeOf: (firstSeq: number, lastSeq: number) => KeyRange,
  upToSeq: number,
): Promise<void> {
  const isSmall = async ({ firstSeq, lastSeq }: SeqRange): Promise<boolean> => {
    const { gte, lt } = rangeOf(firstSeq, lastSeq);
    return (await db.approximateSize(gte, lt)) <= maxBytes;
  };
  let nextSeq = 0;
  while (nextSeq <= upToSeq && !stop.aborted) {
    const lastSeq = await lastOf({ firstSeq: nextSeq, lastSeq: upToSeq }, isSmall);
    const { gte, lt } = rangeOf(nextSeq, lastSeq);
    await db.compactRange(gte, lt);
    nextSeq = lastSeq + 1;
  }
}

/** The end of the longest beginning that is small; one number at the least. By halving. */
async function lastOf(
  { firstSeq, lastSeq }: SeqRange,
  isSmall: (seqs: SeqRange) => Promise<boolean>,
): Promise<number> {
  if (await isSmall({ firstSeq, lastSeq })) return lastSeq;
  let [small, large] = [firstSeq, lastSeq];
  while (large - small > 1) {
    const middle = Math.floor((small + large) / 2);
    if (await isSmall({ firstSeq, lastSeq: middle })) small = middle;
    else large = middle;
  }
  return small;
}
