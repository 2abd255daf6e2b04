// Finds the place of a time in the log, and below the cut among what is kept there.
import type { LogPage, Store, StoredMessage } from '../storage/store.ts';

export type ArrivalLog = Pick<Store, 'readLog' | 'readKept' | 'cutSeq' | 'lastSeq' | 'pinTotals'>;

interface Part {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly read: (page: LogPage) => Promise<readonly StoredMessage[]>;
}

/**
 * The first seq that is not below any message that arrived at `timeMs` or later; past the end when there
 * is none. Arrival times never fall along the log, so it is a binary search of some 20 reads.
 */
export async function firstSeqSince(log: ArrivalLog, timeMs: number): Promise<number> {
  const { cutSeq, lastSeq, pinTotals } = log;
  const stored = { firstSeq: cutSeq + 1, lastSeq, read: (page: LogPage) => log.readLog(page) };
  const seq = await searchPart(stored, timeMs);
  if (seq > cutSeq + 1 || pinTotals.keptCount === 0) return seq;
  const kept = { firstSeq: 1, lastSeq: cutSeq, read: (page: LogPage) => log.readKept(page) };
  return searchPart(kept, timeMs);
}

async function searchPart({ firstSeq, lastSeq, read }: Part, timeMs: number): Promise<number> {
  let low = firstSeq;
  let high = lastSeq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [record] = await read({ fromSeq: middle, limit: 1, maxBytes: 1 });
    if (record === undefined || record.arrivalMs >= timeMs) high = middle;
    else low = record.seq + 1;
  }
  return high;
}
