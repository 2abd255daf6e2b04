// The boundary of a log whose beginning was pruned: the ids that its messages name though they are gone. Nobody
// can prove them, so they are taken only from whom the owner trusts.
import { genesisId, messageIdHex } from '../protocol/ids.ts';
import type { Store } from '../storage/store.ts';
import type { SyncChannel } from './sync-channel.ts';
import { maxPagePoints, syncFault } from './sync-frames.ts';
import type { BoundaryPoint, SyncFrame } from './sync-frames.ts';
import { nextFrame } from './sync-channel.ts';

/** More are not believed of anybody. They are held in memory: about 40 MiB. */
export const maxBoundaryPoints = 131_072;
/** The cut may move while its boundary is read; then it is read anew, so often, on either side. */
const maxReadings = 8;

export interface Boundary {
  readonly logId: string;
  readonly cutSeq: number;
  readonly points: readonly BoundaryPoint[];
}

export type BoundedLog = Pick<Store, 'logId' | 'cutSeq' | 'readEntryPoints' | 'entryPointCount'>;

/** Whether the log begins with the genesis and names nothing that it does not have. */
export async function isWholeLog(log: BoundedLog): Promise<boolean> {
  if (log.cutSeq > 0 || log.entryPointCount > 1) return false;
  const points = await log.readEntryPoints({ limit: 1 });
  return points.every(({ id }) => messageIdHex(id) === messageIdHex(genesisId));
}

/** Our oldest messages: half of them are in every log that reaches as far back as ours. About 1 MiB of ids. */
const horizonPage = { limit: 8_192, maxBytes: 16 * 1024 * 1024 };

/** The ids, as hex, that a log begins with which is not whole. */
export async function readHorizon(
  log: BoundedLog & Pick<Store, 'readLog'>,
): Promise<ReadonlySet<string> | undefined> {
  if (await isWholeLog(log)) return undefined;
  const oldest = await log.readLog({ ...horizonPage, fromSeq: log.cutSeq + 1 });
  return new Set(oldest.map(({ id }) => messageIdHex(id)));
}

// ---- the side that has the log ----

/** One page of entry points, and the cut they belong to. */
export async function answerBoundary(
  { afterId }: SyncFrame & { readonly type: 'ask-boundary' },
  log: BoundedLog,
): Promise<readonly SyncFrame[]> {
  for (let reading = 0; reading < maxReadings; reading++) {
    const { logId, cutSeq } = log;
    const points = await log.readEntryPoints({ afterId, limit: maxPagePoints });
    // A page of one cut must not be told for another.
    if (log.cutSeq !== cutSeq) continue;
    const isLast = points.length < maxPagePoints;
    return [
      { type: 'boundary', logId, cutSeq, count: points.length, isLast },
      // Of one that is closed all children here are lazy, so they are to be lazy there.
      ...points.map(({ id, isLazy, isClosed }): SyncFrame => {
        return { type: 'entry-point', id, isLazy: isLazy || isClosed };
      }),
    ];
  }
  throw new Error('the cut moves faster than its boundary can be read');
}

// ---- the side that follows ----

/** The whole boundary, of one cut. Throws FRAME_INVALID when it is none, another error when it cannot be had. */
export async function readBoundary(channel: SyncChannel, onPage: () => void): Promise<Boundary> {
  for (let reading = 0; reading < maxReadings; reading++) {
    const boundary = await readOnce(channel, onPage);
    if (boundary !== undefined) return boundary;
  }
  throw new Error('the cut moves faster than its boundary can be read');
}

/** Undefined when the cut has moved meanwhile. */
async function readOnce(channel: SyncChannel, onPage: () => void): Promise<Boundary | undefined> {
  const points: BoundaryPoint[] = [];
  let first: Page | undefined;
  for (;;) {
    await channel.send([{ type: 'ask-boundary', afterId: points.at(-1)?.id }]);
    const page = await readPage(channel, points);
    first ??= page;
    if (page.logId !== first.logId || page.cutSeq !== first.cutSeq) return undefined;
    points.push(...page.points);
    if (points.length > maxBoundaryPoints) throw new Error('the boundary is too large');
    onPage();
    if (page.isLast) return { logId: page.logId, cutSeq: page.cutSeq, points };
  }
}

interface Page extends Boundary {
  readonly isLast: boolean;
}

async function readPage(channel: SyncChannel, before: readonly BoundaryPoint[]): Promise<Page> {
  const head = await nextFrame(channel);
  if (head.type !== 'boundary' || head.count > maxPagePoints) throw syncFault('This is no page.');
  if (head.count === 0 && !head.isLast) throw syncFault('A boundary has an end.');
  const points: BoundaryPoint[] = [];
  while (points.length < head.count) {
    const point = await nextFrame(channel);
    if (point.type !== 'entry-point') throw syncFault('A boundary is made of entry points.');
    const previous = points.at(-1) ?? before.at(-1);
    if (previous !== undefined && Buffer.compare(previous.id, point.id) >= 0) {
      throw syncFault('Entry points stand in the order of their ids.');
    }
    points.push(point);
  }
  const { logId, cutSeq, isLast } = head;
  return { logId, cutSeq, isLast, points };
}
