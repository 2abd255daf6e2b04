// Finds the place of a time in the log.
import type { Store } from '../storage/store.ts';

export type ArrivalLog = Pick<Store, 'readLog' | 'cutSeq' | 'lastSeq'>;

/**
 * The first seq that is not below any message that arrived at `timeMs` or later; past the end when there
 * is none. Arrival times never fall along the log, so it is a binary search of some 20 reads.
 */
export async function firstSeqSince(log: ArrivalLog, timeMs: number): Promise<number> {
  let low = log.cutSeq + 1;
  let high = log.lastSeq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [record] = await log.readLog({ fromSeq: middle, limit: 1, maxBytes: 1 });
    if (record === undefined || record.arrivalMs >= timeMs) high = middle;
    else low = record.seq + 1;
  }
  return high;
}
