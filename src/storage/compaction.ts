// What was cut is still on the disk until LevelDB merges it away. Done piece by piece, so that it can be paced.
import { setImmediate } from 'node:timers/promises';
import type { Shelves } from './append.ts';
import type { Turns } from './cut.ts';
import type { Log } from './log.ts';
import { isCompactedFirst } from './sweep.ts';
import type { SweepJob } from './sweep.ts';

/** `index`: the part of it that was not swept for longest. */
export type CompactionPart = 'log' | 'index';

/** Ends early when it is told to stop; what it has not done is done at the next time. */
export async function compact(
  turns: Turns,
  part: CompactionPart,
  stop: AbortSignal,
): Promise<void> {
  if (part === 'log') return turns.read(({ log }) => log.compactCleared());
  const { job, index } = await turns.read(async (shelves) => ({
    job: await shelves.index.sweep.next(shelves.log.cutSeq),
    index: shelves.index,
  }));
  // Not when the store was opened again meanwhile: what was found in the other index counts no more.
  const isOn = (shelves: Shelves): boolean => shelves.index === index && !stop.aborted;
  const compactPart = (): Promise<void> =>
    turns.read(async (shelves) => {
      if (isOn(shelves)) await index.sweep.compact(job);
    });
  if (isCompactedFirst(job)) await compactPart();
  let lastKey: Buffer | undefined;
  do {
    lastKey = await sweepPage(turns, job, { isOn, after: lastKey });
    await setImmediate();
  } while (lastKey !== undefined);
  if (!isCompactedFirst(job)) await compactPart();
}

interface PageWish {
  readonly isOn: (shelves: Shelves) => boolean;
  readonly after: Buffer | undefined;
}

/** Undefined at the end, and when it was not done. */
function sweepPage(
  { write }: Pick<Turns, 'write'>,
  job: SweepJob,
  { isOn, after }: PageWish,
): Promise<Buffer | undefined> {
  return write(async (shelves) => {
    if (!isOn(shelves)) return undefined;
    const { log, index } = shelves;
    const lastKey = await index.sweep.page(job, after, log.gone);
    if (lastKey === undefined) await index.sweep.note(job);
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
