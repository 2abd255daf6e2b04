// What was cut is still on the disk until LevelDB merges it away. Done piece by piece, so that it can be paced.
import { setImmediate } from 'node:timers/promises';
import type { Shelves } from './append.ts';
import type { Turns } from './cut.ts';
import type { Log } from './log.ts';
import { isCompactedFirst } from './sweep.ts';
import type { SweepJob } from './sweep.ts';

/** `index`: the part of it that was not swept for longest. */
export type CompactionPart = 'log' | 'index';

/** Of a sweep, between two turns of the event loop, before a part of it ends and before a compaction may be stopped. */
const maxPages = 250;
const pagesPerCompaction = 64;

/** Ends early when it is told to stop; what it has not done is done at the next time. */
export async function compact(
  turns: Turns,
  part: CompactionPart,
  stop: AbortSignal,
): Promise<void> {
  if (part === 'log') return turns.read(({ log }) => log.compactCleared(stop));
  const { job, index } = await turns.read(async (shelves) => ({
    job: await shelves.index.sweep.next(shelves.log.cutSeq),
    index: shelves.index,
  }));
  // Not when the store was opened again meanwhile: what was found in the other index counts no more.
  const isOn = (shelves: Shelves): boolean => shelves.index === index && !stop.aborted;
  const compactPart = (edges: readonly Buffer[]): Promise<void> =>
    turns.read(async (shelves) => {
      if (isOn(shelves)) await index.sweep.compact(job, { edges, stop });
    });
  if (isCompactedFirst(job)) await compactPart([]);
  const edges = await sweepPart(turns, job, isOn);
  if (!isCompactedFirst(job)) await compactPart(edges);
}

type IsOn = (shelves: Shelves) => boolean;

/** Returns keys that it came by, some MiB apart, the last included. */
async function sweepPart(turns: Turns, job: SweepJob, isOn: IsOn): Promise<readonly Buffer[]> {
  const edges: Buffer[] = [];
  let after = job.after;
  for (let pageCount = 1; pageCount <= maxPages; pageCount++) {
    const isLast = pageCount === maxPages;
    after = await sweepPage(turns, job, { isOn, after, isLast });
    if (after === undefined) break;
    if (isLast || pageCount % pagesPerCompaction === 0) edges.push(after);
    await setImmediate();
  }
  return edges;
}

interface PageWish {
  readonly isOn: IsOn;
  readonly after: Buffer | undefined;
  /** What is behind it is left to the next part. */
  readonly isLast: boolean;
}

/** Undefined at the end, and when it was not done. */
function sweepPage(
  { write }: Pick<Turns, 'write'>,
  job: SweepJob,
  { isOn, after, isLast }: PageWish,
): Promise<Buffer | undefined> {
  return write(async (shelves) => {
    if (!isOn(shelves)) return undefined;
    const { log, index } = shelves;
    const lastKey = await index.sweep.page(job, after, log.gone);
    if (lastKey === undefined) await index.sweep.note(job);
    else if (isLast) index.sweep.leaveAt(job, lastKey);
    return lastKey;
  });
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
