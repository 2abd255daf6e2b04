// What stays of the messages that a cut takes: an entry point of each that one above the cut names, or that somebody
// counts on. Most of it is found out beside the appends, by what the index has of children; the rest between two.
import { setImmediate } from 'node:timers/promises';
import { genesisId, idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Shelves } from './append.ts';
import type { FamilyWatch } from './family-watch.ts';
import type { SeqRange } from './layout.ts';
import type { EntryPointChanges } from './log-state.ts';
import type { Log } from './log.ts';
import type { EntryPoint, StoredMessage } from './store.ts';

const recordsPerRead = 64;
const pointsPerTurn = 4_096;

type Head = Pick<StoredMessage, 'id' | 'isLazy' | 'arrivalMs'>;
type Fresh = Omit<EntryPoint, 'isHeld'>;

/** By `idText`. */
type StayingPoints = ReadonlyMap<string, Fresh>;

export interface Staying {
  readonly points: StayingPoints;
  /** Entry points that nothing above the slice needed, by `idText`. */
  readonly goingKeys: readonly string[];
}

/** Those with children above the slice, as far as appends had come when it was called. */
export async function findStaying(shelves: Shelves, slice: SeqRange): Promise<Staying> {
  const { log, index, view } = shelves;
  const goingKeys = await findGoing(log, slice);
  const families = await index.families(slice);
  const parents = await headsOf(log, [...families.keys()]);
  const firstSeqs = new Set([...families.values()].map(({ firstSteadySeq }) => firstSteadySeq));
  const children = await headsOf(
    log,
    [...firstSeqs].filter((seq) => seq > 0),
  );
  const staying = new Map<string, Fresh>();
  const orphaned: MessageId[] = [];
  for (const [seq, { newestChildSeq, firstSteadySeq }] of families) {
    const parent = parents.get(seq);
    if (parent === undefined) continue;
    const firstChildMs = children.get(firstSteadySeq)?.arrivalMs;
    // The log has lost that child: whoever knows how looks for the next.
    if (firstSteadySeq > 0 && firstChildMs === undefined) orphaned.push(parent.id);
    const { isLazy, id } = parent;
    staying.set(idText(id), { neededSeq: newestChildSeq, isLazy, firstChildMs });
  }
  for (const [position, facts] of (await view.facts(orphaned)).entries()) {
    const id = orphaned[position];
    const fresh = id && staying.get(idText(id));
    if (fresh) staying.set(idText(id), { ...fresh, firstChildMs: facts?.firstChildMs });
  }
  return { points: staying, goingKeys };
}

/** There may be a million: everybody has a turn between some thousand. */
async function findGoing(log: Log, { lastSeq }: SeqRange): Promise<readonly string[]> {
  const keys: string[] = [];
  let left = pointsPerTurn;
  for (const [key, { neededSeq }] of log.entryPoints) {
    if (neededSeq <= lastSeq) keys.push(key);
    if (--left > 0) continue;
    left = pointsPerTurn;
    await setImmediate();
  }
  return keys;
}

/** All but the bytes, by seq, of those that are there and not damaged: so there may be many. */
async function headsOf(log: Log, seqs: readonly number[]): Promise<Map<number, Head>> {
  const heads = new Map<number, Head>();
  for (let from = 0; from < seqs.length; from += recordsPerRead) {
    for (const record of await log.getMany(seqs.slice(from, from + recordsPerRead))) {
      if (record === undefined) continue;
      const { seq, id, isLazy, arrivalMs } = record;
      heads.set(seq, { id, isLazy, arrivalMs });
    }
  }
  return heads;
}

export interface Found {
  readonly staying: Staying;
  readonly watch: FamilyWatch;
  readonly keptIds: readonly MessageId[];
}

/**
 * Messages of the slice that stay become entry points, with what their children must know of them. Those that are
 * needed no longer go, the genesis among them. Between two appends.
 */
export async function changesOf(
  shelves: Shelves,
  slice: SeqRange,
  found: Found,
): Promise<EntryPointChanges> {
  const { log } = shelves;
  const keptKeys = new Set(found.keptIds.map(idText));
  const changes = new Map<string, EntryPoint | undefined>();
  for (const key of found.staying.goingKeys) {
    const point = log.entryPoint(key);
    // Another message may need it by now.
    if (point === undefined || point.neededSeq > slice.lastSeq) continue;
    if (!point.isHeld && !keptKeys.has(key)) changes.set(key, undefined);
  }
  for (const [key, fresh] of await withLateOnes(shelves, slice, found)) {
    changes.set(key, joined(fresh, log.entryPoint(key)));
  }
  await keepFirstChildOfGenesis(shelves, changes);
  return changes;
}

/** With those that are kept, and those that were given a child since they were looked for. */
async function withLateOnes(
  { log, view }: Shelves,
  slice: SeqRange,
  { staying, watch, keptIds }: Found,
): Promise<StayingPoints> {
  const all = new Map(staying.points);
  const parents = await headsOf(log, [...watch.newestChild.keys()]);
  const ids = [...keptIds, ...[...parents.values()].map(({ id }) => id)];
  for (const [position, facts] of (await view.facts(ids)).entries()) {
    const id = ids[position];
    if (id === undefined || facts === undefined) continue;
    const { seq, isLazy, firstChildMs } = facts;
    if (seq < slice.firstSeq || seq > slice.lastSeq) continue;
    const key = idText(id);
    const neededSeq = watch.newestChild.get(seq) ?? staying.points.get(key)?.neededSeq ?? 0;
    all.set(key, { neededSeq, isLazy, firstChildMs });
  }
  return all;
}

/** A message that was an entry point before it was stored. */
function joined(fresh: Fresh, before: EntryPoint | undefined): EntryPoint {
  if (before === undefined) return { ...fresh, isHeld: false };
  const neededSeq = Math.max(fresh.neededSeq, before.neededSeq);
  const firstChildMs = before.firstChildMs ?? fresh.firstChildMs;
  return { isLazy: fresh.isLazy, firstChildMs, neededSeq, isHeld: before.isHeld };
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
