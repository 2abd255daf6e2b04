// The boundary of a log that is taken over from a neighbour: entry points that come and go by themselves.
import { genesisId } from '../protocol/ids.ts';
import { idText } from './layout.ts';
import type { EntryPointChanges } from './log-state.ts';
import type { Log } from './log.ts';
import type { EntryPoint, NewEntryPoint } from './store.ts';

const genesisKey = idText(genesisId);

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
