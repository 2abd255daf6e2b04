// Pruning is cutting a prefix of the log, slice by slice. The cut moves first, in one fsynced batch with the
// entry points; only then is removed what nobody sees any more, which a start does again if it was cut short.
import type { MessageId } from '../protocol/ids.ts';
import type { Shelves } from './append.ts';
import { indexKeyIn } from './entries.ts';
import type { Index } from './index.ts';
import type { SeqRange } from './layout.ts';
import type { Log } from './log.ts';
import type { Leaving } from './pins.ts';
import { hasProvenBytes } from './record-layout.ts';
import { changesOf, findStaying } from './staying.ts';
import type { CutSlice, CutWish, StoredMessage } from './store.ts';

/** Of messages that somebody must see before they go. */
const seenPage = { limit: 1_000, maxBytes: 4 * 1024 * 1024 };
/** Of others: the more at a time, the fewer of them are named by one above, which is what costs. */
const maxSlice = { messages: 16_384, bytes: 16 * 1024 * 1024 };
/** What tells how large the messages of a slice are. */
const sample = { limit: 64, maxBytes: 256 * 1024 };
/** Removed at a time. Measured: about 6 ms in which no append can run. */
const maxTurn = { messages: 2_048, bytes: 4 * 1024 * 1024 };

/** What a cut does between two appends, and what beside them. */
export interface Turns {
  readonly read: <T>(work: (shelves: Shelves) => Promise<T>) => Promise<T>;
  readonly write: <T>(work: (shelves: Shelves) => Promise<T>) => Promise<T>;
  /** A write that asks what is held and moves the cut: who looks for parents meanwhile waits for it. */
  readonly move: <T>(work: (shelves: Shelves) => Promise<T>) => Promise<T>;
}

export interface CutRules extends Pick<CutWish, 'upToSeq' | 'before' | 'maxPinnedBytes'> {
  /** These stay solid though nothing stored names them. */
  readonly keptIds: () => readonly MessageId[];
  /** Of so many the indexation key is pinned, and there was no room. */
  readonly onMissed: (count: number) => void;
}

interface Slice extends SeqRange {
  /** The first of them, or all when somebody must see them or some may be pinned. */
  readonly records: readonly StoredMessage[];
  readonly hasAll: boolean;
  readonly averageBytes: number;
}

/** Undefined when there is nothing to cut. Never two at a time. */
export async function cutOne(turns: Turns, rules: CutRules): Promise<CutSlice | undefined> {
  const slice = await turns.read(({ log }) => readSlice(log, rules));
  if (slice === undefined) return undefined;
  await rules.before?.(slice.records);
  const { index, watch } = await turns.write((shelves) =>
    Promise.resolve({ index: shelves.index, watch: shelves.index.watchFamilies(slice) }),
  );
  using _watched = watch;
  const staying = await turns.read((shelves) => findStaying(shelves, slice));
  const messageCount = await turns.move(async (shelves) => {
    const { log } = shelves;
    // Opened again meanwhile, or the first was pinned, so that not all was seen: the next one begins anew.
    if (shelves.index !== index || !(slice.hasAll || log.pins.isEmpty)) return 0;
    const keptIds = rules.keptIds();
    const changes = await changesOf(shelves, slice, { staying, watch, keptIds });
    const count = log.countFrom(slice.firstSeq) - log.countFrom(slice.lastSeq + 1);
    const leaving = log.pins.isEmpty ? [] : slice.records.filter(hasProvenBytes).map(leavingOf);
    const { kept, missedCount } = log.pins.choose(leaving, rules.maxPinnedBytes ?? Infinity);
    await log.moveCut(slice.lastSeq, changes, kept);
    rules.onMissed(missedCount);
    return count;
  });
  const { averageBytes } = slice;
  const perTurn = fitting(maxTurn, averageBytes);
  while (await turns.write((shelves) => clearSome(shelves, perTurn)));
  const cutSeq = await turns.read(({ log }) => Promise.resolve(log.cutSeq));
  return { cutSeq, messageCount, sizeBytes: Math.round(messageCount * averageBytes) };
}

async function readSlice(log: Log, { upToSeq, before }: CutRules): Promise<Slice | undefined> {
  const firstSeq = log.cutSeq + 1;
  const endSeq = Math.min(upToSeq, log.lastSeq - 1);
  if (endSeq < firstSeq) return undefined;
  if (before === undefined && log.pins.isEmpty) {
    const records = await log.read({ ...sample, fromSeq: firstSeq });
    const averageBytes = averageOf(records);
    const lastSeq = Math.min(endSeq, firstSeq + fitting(maxSlice, averageBytes) - 1);
    return { firstSeq, lastSeq, records, averageBytes, hasAll: false };
  }
  const page = await log.read({ ...seenPage, fromSeq: firstSeq });
  const records = page.filter(({ seq }) => seq <= endSeq);
  // Behind the last record of a full page there may be more; else only what is damaged.
  const last = records.length > 0 && records.length === page.length ? records.at(-1) : undefined;
  const lastSeq = last?.seq ?? endSeq;
  return { firstSeq, lastSeq, records, averageBytes: averageOf(records), hasAll: true };
}

function leavingOf(record: StoredMessage): Leaving {
  return { record, indexKey: indexKeyIn(record) };
}

function averageOf(records: readonly StoredMessage[]): number {
  const sizeBytes = records.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return sizeBytes / Math.max(1, records.length);
}

/** How many of that size, at least one. */
function fitting(max: typeof maxSlice, averageBytes: number): number {
  return Math.max(1, Math.min(max.messages, Math.floor(max.bytes / Math.max(1, averageBytes))));
}

/** Both databases at once. True while something is left to remove. */
async function clearSome(
  { log, index }: Pick<Shelves, 'log' | 'index'>,
  maxMessages: number,
): Promise<boolean> {
  const { firstSeq, lastSeq } = log.unclearedSeqs;
  if (firstSeq > lastSeq) return false;
  const range = { firstSeq, lastSeq: Math.min(lastSeq, firstSeq + maxMessages - 1) };
  const gaps = gapsIn(range, await log.pins.keptWithin(range));
  const both = [forgetChildren(index, gaps), log.clear(range.lastSeq)];
  // A turn ends when all that was begun in it has ended, well or not.
  await Promise.allSettled(both);
  await Promise.all(both);
  log.wasCleared(range.lastSeq);
  return range.lastSeq < lastSeq;
}

async function forgetChildren(index: Index, gaps: readonly SeqRange[]): Promise<void> {
  for (const gone of gaps) await index.forgetChildren(gone);
}

/** What lies between seqs of a range, which stand in ascending order. */
function gapsIn({ firstSeq, lastSeq }: SeqRange, seqs: readonly number[]): SeqRange[] {
  const edges = [firstSeq - 1, ...seqs, lastSeq + 1];
  return edges
    .slice(1)
    .map((edge, position) => ({ firstSeq: (edges[position] ?? 0) + 1, lastSeq: edge - 1 }))
    .filter((gap) => gap.firstSeq <= gap.lastSeq);
}

/** What a crash left of the last slice. */
export async function finishCut(shelves: Pick<Shelves, 'log' | 'index'>): Promise<void> {
  while (await clearSome(shelves, maxTurn.messages));
}
