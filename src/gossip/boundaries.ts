// Taking over the boundary of a pruned log, and letting go of it when that log was read to its end. Whom to believe
// is decided before.
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../storage/store.ts';
import type { Cursors } from './cursors.ts';
import { readBoundary } from './sync-boundary.ts';
import type { SyncChannel } from './sync-channel.ts';
import type { Cursor } from './sync-log.ts';

const pointsPerBatch = 1_024;
/** A catch-up that was not heard of for so long holds no entry points any more. */
const abandonedMs = 24 * 3_600_000;

export interface BoundariesDeps {
  readonly store: Pick<
    Store,
    'adoptEntryPoints' | 'dropEmptyBoundary' | 'releaseEntryPoints' | 'lastSeq'
  >;
  readonly cursors: Cursors;
  /** Whether nobody else's log is being read, which may stand on its own boundary. */
  readonly isOnlyRead: (peerId: string) => boolean;
  /** What is solid has changed without a message; what stands up to that seq is no tip any more. */
  readonly onChanged: (tipFloorSeq: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Boundaries {
  readonly #deps: BoundariesDeps;
  /** A process that ended may have left some held. */
  #mustRelease = true;

  constructor(deps: BoundariesDeps) {
    this.#deps = deps;
  }

  /** Whether a log is being read whose boundary was taken over: until its end, tips are those of long ago. */
  get isAnyOpen(): boolean {
    return this.#deps.cursors.hasBoundarySince(this.#deps.clock.now() - abandonedMs);
  }

  /** Whether that one's boundary was, so that the newest of all is to come from there. */
  isOpen(peerId: string): boolean {
    return this.isAnyOpen && this.#deps.cursors.isBoundaryOpen(peerId);
  }

  /** Makes the neighbour's boundary ours, as a whole or not at all; returns where its log begins. */
  async take(peerId: string, channel: SyncChannel, onPage: () => void): Promise<Cursor> {
    const { store, cursors, clock, log, isOnlyRead, onChanged } = this.#deps;
    const { logId, cutSeq, points } = await readBoundary(channel, onPage);
    // Their children come anew, so as here their first one comes only now.
    const adopted = points.map((point) => ({ ...point, firstChildMs: undefined }));
    this.#mustRelease = true;
    cursors.openBoundary(peerId, clock.now());
    cursors.tipFloorSeq = store.lastSeq;
    // Another neighbour's, who left before it sent a message: its ids would count as messages that are here.
    if (isOnlyRead(peerId)) await store.dropEmptyBoundary();
    for (let from = 0; from < adopted.length; from += pointsPerBatch) {
      await store.adoptEntryPoints(adopted.slice(from, from + pointsPerBatch));
    }
    const cursor = { logId, nextSeq: cutSeq + 1 };
    cursors.set(peerId, cursor);
    await cursors.save();
    onChanged(cursors.tipFloorSeq);
    log.info({ peerId, cutSeq, entryPoints: points.length }, 'took over the boundary of a log');
    return cursor;
  }

  /** That neighbour's log goes on being read. */
  goesOn(peerId: string): void {
    this.#deps.cursors.touchBoundary(peerId, this.#deps.clock.now());
  }

  /** That neighbour is not believed any more: what it said goes when another one was read to its end. */
  gaveUp(peerId: string): void {
    this.#deps.cursors.closeBoundary(peerId);
  }

  /** That neighbour's log was read to its end: once none is open, what no message needs goes. */
  async ended(peerId: string): Promise<void> {
    const { store, cursors, onChanged } = this.#deps;
    const wasOpen = cursors.closeBoundary(peerId);
    if (!this.#mustRelease || this.isAnyOpen) return;
    await store.releaseEntryPoints();
    this.#mustRelease = false;
    if (wasOpen) onChanged(cursors.tipFloorSeq);
  }
}
