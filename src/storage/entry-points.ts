// What becomes of entry points: when messages name them, when they take no more children, and when they are the
// boundary of a log that is taken over from a neighbour.
import { genesisId, idText } from '../protocol/ids.ts';
import type { EntryPointChanges } from './log-state.ts';
import type { Log } from './log.ts';
import type { EntryPoint, NewEntryPoint, StoredMessage } from './store.ts';

const genesisKey = idText(genesisId);

/**
 * Whether an entry point takes no new children: it is lazy, or its first child came so long before the oldest message
 * that is left that whoever names it there is lazy. Without this, one lazy message would keep a point of the distant
 * past, the genesis even, open to all that was pruned above it.
 */
export function isClosed(
  { isLazy, isHeld, firstChildMs = Infinity }: EntryPoint,
  closedBeforeMs: number,
): boolean {
  return !isHeld && (isLazy || firstChildMs < closedBeforeMs);
}

/** Parents of a message that are entry points, by `idText`, with their first child so far. */
export type NamedPoints = readonly {
  readonly key: string;
  readonly firstChildMs: number | undefined;
}[];

/** What messages on their way into the log change of the entry points that they name. */
export function namedPoints(
  known: ReadonlyMap<string, EntryPoint>,
  stored: readonly StoredMessage[],
  namedBy: readonly { readonly entryPoints: NamedPoints }[],
): Map<string, EntryPoint> {
  const points = new Map<string, EntryPoint>();
  namedBy.forEach(({ entryPoints }, position) => {
    const message = stored[position];
    if (message === undefined) return;
    const { seq, arrivalMs, isLazy } = message;
    for (const { key, firstChildMs } of entryPoints) {
      const point = points.get(key) ?? known.get(key);
      if (point === undefined) continue;
      const firstMs = point.firstChildMs ?? firstChildMs ?? (isLazy ? undefined : arrivalMs);
      points.set(key, { ...point, neededSeq: seq, firstChildMs: firstMs });
    }
  });
  return points;
}

type KnownPoints = Pick<Log, 'entryPoint' | 'entryPoints' | 'cutSeq'>;

/** What is known already stays as it is known here, but held. */
export function adoptedPoints(
  log: KnownPoints,
  points: readonly NewEntryPoint[],
): EntryPointChanges {
  return new Map(
    points.map(({ id, isLazy, firstChildMs }): [string, EntryPoint] => {
      const key = idText(id);
      const known = log.entryPoint(key) ?? { neededSeq: 0, isLazy, firstChildMs };
      return [key, { ...known, isHeld: true }];
    }),
  );
}

/** What is held while the log has no message. The genesis stays: without a boundary the Tangle begins there. */
export function heldInVain(log: Pick<Log, 'entryPoints' | 'countFrom'>): EntryPointChanges {
  if (log.countFrom(0) > 0) return new Map();
  const held = [...log.entryPoints].filter(([, { isHeld }]) => isHeld);
  return new Map(
    held.map(([key, point]) => [key, key === genesisKey ? { ...point, isHeld: false } : undefined]),
  );
}

/** Nothing when none was held: a log that was never cut keeps its genesis. */
export function releasedPoints(
  log: KnownPoints,
  isKept: (key: string) => boolean,
): EntryPointChanges {
  const changes = new Map<string, EntryPoint | undefined>();
  const points = [...log.entryPoints];
  if (!points.some(([, { isHeld }]) => isHeld)) return changes;
  for (const [key, point] of points) {
    const isGone = point.neededSeq <= log.cutSeq && !mayBeTip(key, point) && !isKept(key);
    if (isGone) changes.set(key, undefined);
    else if (point.isHeld) changes.set(key, { ...point, isHeld: false });
  }
  return changes;
}

/** Nobody has named it yet, so a message to come may. The genesis is none: a log stands on the boundary instead. */
function mayBeTip(key: string, { firstChildMs }: EntryPoint): boolean {
  return firstChildMs === undefined && key !== genesisKey;
}

/** Those whose first child came later than that, and is lost: they are tips again, else nothing could grow on them. */
export function bereftPoints(
  points: ReadonlyMap<string, EntryPoint>,
  keptMs: number,
): EntryPointChanges {
  const bereft = [...points].filter(([, { firstChildMs = -1 }]) => firstChildMs > keptMs);
  return new Map(bereft.map(([key, point]) => [key, { ...point, firstChildMs: undefined }]));
}
