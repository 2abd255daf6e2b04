// What was cut is still on the disk until LevelDB merges it away. Done piece by piece, so that it can be paced.
import { setImmediate } from 'node:timers/promises';
import type { Shelves } from './append.ts';
import type { Turns } from './cut.ts';
import type { Index } from './index.ts';
import type { Log } from './log.ts';
import { isCompactedFirst } from './sweep.ts';
import type { SweepJob, SweepPage, SweptStretch } from './sweep.ts';

/** `index`: the part of it that was not swept for longest. */
export type CompactionPart = 'log' | 'index';

/** Of a sweep: in what is done in one go, and in what is compacted at once. */
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
  const stretches = sweptStretches({ turns, job, index, isOn });
  const whenOn = (work: () => Promise<void>): Promise<void> =>
    turns.read(async (shelves) => (isOn(shelves) ? work() : undefined));
  if (isCompactedFirst(job)) {
    await whenOn(() => index.sweep.compactFirst(job, stop));
    for await (const _ of stretches);
    return;
  }
  await behind(stretches, (swept) => whenOn(() => index.sweep.compact(job, swept)));
}

/** Does the work for each while the next one is made. */
async function behind<T>(made: AsyncIterable<T>, work: (one: T) => Promise<void>): Promise<void> {
  let working: Promise<void> = Promise.resolve();
  try {
    for await (const one of made) {
      await working;
      working = work(one);
      // Whoever awaits it gets the error; until then it is nobody's.
      working.catch(() => undefined);
    }
  } finally {
    await working;
  }
}

interface Sweeping {
  readonly turns: Pick<Turns, 'read' | 'write'>;
  readonly job: SweepJob;
  readonly index: Index;
  readonly isOn: (shelves: Shelves) => boolean;
}

/**
 * Sweeps the job, and says after some MiB each time which stretch is done. A page is read while appends go on; what is
 * gone of it is removed between two of them, and there the next page is begun.
 */
async function* sweptStretches(sweeping: Sweeping): AsyncGenerator<SweptStretch, void, undefined> {
  const { job, index } = sweeping;
  let { after } = job;
  try {
    let next = await beginPage(sweeping, after);
    for (let pageCount = 1; next !== undefined; pageCount++) {
      const page = await next.reading;
      const { lastKey } = page;
      const isLast = lastKey === undefined || pageCount === maxPages;
      const endsStretch = isLast || pageCount % pagesPerCompaction === 0;
      const removed = await removeFrom(sweeping, page, { isLast, goOn: !endsStretch });
      if (removed === undefined) return;
      if (endsStretch) {
        yield { after, lastKey };
        after = lastKey;
      }
      if (isLast) return;
      await setImmediate();
      next = removed.next ?? (await beginPage(sweeping, after));
    }
  } finally {
    index.sweep.endReading();
  }
}

/** In an object, so that who waits for it does not wait for the reading. */
interface NextPage {
  readonly reading: Promise<SweepPage>;
}

/** Undefined when there is no need any more. */
function beginPage(sweeping: Sweeping, after: Buffer | undefined): Promise<NextPage | undefined> {
  const { turns, isOn } = sweeping;
  return turns.write((shelves) =>
    Promise.resolve(isOn(shelves) ? readNext(sweeping, after) : undefined),
  );
}

/** In a turn of writing. */
function readNext({ turns, job, index }: Sweeping, after: Buffer | undefined): NextPage {
  const reading = turns.read(() => index.sweep.readPage(job, after));
  reading.catch(() => undefined);
  return { reading };
}

interface PageEnd {
  /** What is behind it is left to the next job. */
  readonly isLast: boolean;
  /** The next page is begun at once. */
  readonly goOn: boolean;
}

/** Undefined when it was not done. */
function removeFrom(
  sweeping: Sweeping,
  page: SweepPage,
  { isLast, goOn }: PageEnd,
): Promise<{ readonly next: NextPage | undefined } | undefined> {
  const { turns, job, index, isOn } = sweeping;
  return turns.write(async (shelves) => {
    if (!isOn(shelves)) return undefined;
    const next = goOn ? readNext(sweeping, page.lastKey) : undefined;
    if (!goOn) index.sweep.endReading();
    await index.sweep.removeFrom(page, shelves.log.gone);
    if (page.lastKey === undefined) await index.sweep.note(job);
    else if (isLast) index.sweep.leaveAt(job, page.lastKey);
    return { next };
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
