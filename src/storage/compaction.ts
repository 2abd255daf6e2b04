// What was cut is still on the disk until LevelDB merges it away. Done piece by piece, so that it can be paced.
import type { Index } from './index.ts';
import type { Log } from './log.ts';

/** `log`: what was cut from it, and the children of that; a number: one of `indexPieces` of the rest of the index. */
export type CompactionPart = 'log' | number;

export async function compact(
  { log, index }: { readonly log: Log; readonly index: Index },
  part: CompactionPart,
): Promise<void> {
  if (part === 'log') {
    await log.compactCleared();
    await index.compactChildren(log.cutSeq);
  } else {
    await index.compactPiece(part);
  }
}

/** The newest message that arrived before a time; the cut when none did. Arrival times never go back. */
export async function seqOlderThan(
  log: Pick<Log, 'cutSeq' | 'lastSeq' | 'read'>,
  timeMs: number,
): Promise<number> {
  let [older, notOlder] = [log.cutSeq, log.lastSeq + 1];
  while (notOlder - older > 1) {
    const middle = Math.floor((older + notOlder) / 2);
    const [record] = await log.read({ fromSeq: middle, limit: 1, maxBytes: 1 });
    if (record !== undefined && record.arrivalMs < timeMs) {
      older = Math.min(record.seq, notOlder - 1);
    } else {
      notOlder = middle;
    }
  }
  return older;
}
