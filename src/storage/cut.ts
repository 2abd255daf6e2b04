// Pruning is cutting a prefix of the log, slice by slice. The cut moves first, in one fsynced batch with the
// entry points; only then is removed what nobody sees any more, which a start does again if it was cut short.
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { Shelves } from './append.ts';
import { readOrDamaged } from './database.ts';
import type { ForgottenEntry } from './index.ts';
import { hasProvenBytes, idText } from './layout.ts';
import type { SeqRange } from './layout.ts';
import type { EntryPointChanges } from './log-state.ts';
import type { Log } from './log.ts';
import type { EntryPoint, StoredMessage } from './store.ts';

/** Measured: about 8 ms in which no append can run. */
const slicePage = { limit: 1_000, maxBytes: 4 * 1024 * 1024 };

export interface Slice extends SeqRange {
  readonly records: readonly StoredMessage[];
}

/** The oldest messages up to a seq, as many as make one slice. Undefined when there is nothing to cut. */
export async function readSlice(log: Log, upToSeq: number): Promise<Slice | undefined> {
  const firstSeq = log.cutSeq + 1;
  const endSeq = Math.min(upToSeq, log.lastSeq - 1);
  if (endSeq < firstSeq) return undefined;
  const page = await log.read({ ...slicePage, fromSeq: firstSeq });
  const records = page.filter(({ seq }) => seq <= endSeq);
  // Behind the last record of a full page there may be more; else only what is damaged.
  const last = records.length > 0 && records.length === page.length ? records.at(-1) : undefined;
  return { firstSeq, lastSeq: last?.seq ?? endSeq, records };
}

/** `isKept`, by `idText`: stays solid though nothing stored names it. False when another cut was faster. */
export async function cutSlice(
  shelves: Shelves,
  slice: Slice,
  isKept: (key: string) => boolean,
): Promise<boolean> {
  const { log, index } = shelves;
  if (slice.firstSeq !== log.cutSeq + 1) return false;
  const changes = await changesOf(shelves, slice, isKept);
  await log.moveCut(slice.lastSeq, changes);
  await index.forgetIds(slice.records.map(forgotten));
  await index.forgetChildren(slice);
  await log.clear();
  return true;
}

/** What a crash left of the last slice. Before anything is appended, for an id may come again. */
export async function finishCut({ log, index }: Pick<Shelves, 'log' | 'index'>): Promise<void> {
  const range = log.unclearedSeqs;
  if (range.firstSeq > range.lastSeq) return;
  const records = await readOrDamaged(log.location, () => log.readUncleared());
  await index.forgetIds(records.map(forgotten));
  await index.forgetChildren(range);
  await log.clear();
}

/** Of a damaged message nobody knows the indexation key: that entry points at nothing, which readers pass over. */
function forgotten(record: StoredMessage): ForgottenEntry {
  const { seq, id } = record;
  const indexKey = hasProvenBytes(record) ? indexKeyOf(decodeMessage(record.bytes)) : undefined;
  return { seq, id, indexKey };
}

/**
 * Messages of the slice that a later one names become entry points, with what their children must know of
 * them. Those that are needed no longer go, the genesis among them.
 */
async function changesOf(
  shelves: Shelves,
  slice: Slice,
  isKept: (key: string) => boolean,
): Promise<EntryPointChanges> {
  const { log, index, view } = shelves;
  const changes = new Map<string, EntryPoint | undefined>();
  for (const [key, { neededSeq, isHeld }] of log.entryPoints) {
    if (neededSeq <= slice.lastSeq && !isHeld && !isKept(key)) changes.set(key, undefined);
  }
  const newestChild = await index.childrenBeyond(slice);
  const staying = slice.records.filter(({ seq, id }) => newestChild.has(seq) || isKept(idText(id)));
  const facts = await view.facts(staying.map(({ id }) => id));
  for (const [position, record] of staying.entries()) {
    const key = idText(record.id);
    const firstChildMs = facts[position]?.firstChildMs;
    const fresh = {
      neededSeq: newestChild.get(record.seq) ?? 0,
      isLazy: record.isLazy,
      firstChildMs,
    };
    changes.set(key, joined(fresh, log.entryPoint(key)));
  }
  await keepFirstChildOfGenesis(shelves, changes);
  return changes;
}

/** A message that was an entry point before it was stored. */
function joined(fresh: Omit<EntryPoint, 'isHeld'>, before: EntryPoint | undefined): EntryPoint {
  if (before === undefined) return { ...fresh, isHeld: false };
  const neededSeq = Math.max(fresh.neededSeq, before.neededSeq);
  return { ...fresh, neededSeq, isHeld: before.isHeld };
}

/** Its children below the cut leave the index: when the first of them came is written down before. */
async function keepFirstChildOfGenesis(
  { log, view }: Pick<Shelves, 'log' | 'view'>,
  changes: Map<string, EntryPoint | undefined>,
): Promise<void> {
  const key = idText(genesisId);
  const genesis = log.entryPoint(key);
  if (genesis === undefined || genesis.firstChildMs !== undefined || changes.has(key)) return;
  const [facts] = await view.facts([genesisId]);
  changes.set(key, { ...genesis, firstChildMs: facts?.firstChildMs });
}
