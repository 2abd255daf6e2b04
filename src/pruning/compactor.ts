// When what was cut is taken off the disk: the log when it is worth it or room is short, the index in
// proportion to what was pruned.
import type { CutSlice, Store } from '../storage/store.ts';
import type { PruningLimits } from './limits.ts';

const MiB = 1024 * 1024;
const maxUnitBytes = 64 * MiB;
/** Where there is room for it, so much is cut before it is taken off the disk. */
const roomyUnits = 4;
/** What was cut does not lie on the disk for longer than that. */
const maxIdleMs = 60_000;
/** What the log keeps of a message, beside its bytes. */
const recordBytes = 54;
/**
 * How much of the index may be of messages that were pruned, for each message that is there: on average, so that a
 * piece is looked through once while the whole store is pruned once.
 */
const staleShares = { usual: 1 / 2, urgent: 1 / 16 };

export interface CompactorDeps {
  readonly store: Pick<Store, 'compact' | 'messageCount' | 'staleIndexCount'>;
  /** Milliseconds that count evenly. */
  readonly evenMs: () => number;
}

export interface Need {
  /** Somebody waits for it, or for room. */
  readonly isUrgent: boolean;
  /** Room is short. */
  readonly isTight: boolean;
}

export class Compactor {
  readonly #unitBytes: number;
  readonly #deps: CompactorDeps;
  #reclaimableBytes = 0;
  #cutSinceMs: number | undefined;

  constructor(
    { maxSizeBytes = Infinity }: Pick<PruningLimits, 'maxSizeBytes'>,
    deps: CompactorDeps,
  ) {
    this.#unitBytes = Math.min(maxUnitBytes, maxSizeBytes / 16);
    this.#deps = deps;
  }

  /** Cut and still on the disk, as far as it can be told. */
  get reclaimableBytes(): number {
    return this.#reclaimableBytes;
  }

  /** Compaction is the cheaper the more it takes at once; with so much it is time, and sooner where room is short. */
  isFull(isTight: boolean): boolean {
    return this.#reclaimableBytes >= this.#unitBytes * (isTight ? 1 : roomyUnits);
  }

  /** After a start or a failure: what the log has of pruned messages, as LevelDB tells. */
  found(sizeBytes: number): void {
    this.#reclaimableBytes = sizeBytes;
    this.#cutSinceMs ??= this.#deps.evenMs();
  }

  wasCut({ sizeBytes, messageCount }: CutSlice): void {
    this.#reclaimableBytes += sizeBytes + messageCount * recordBytes;
    this.#cutSinceMs ??= this.#deps.evenMs();
  }

  isDue({ isUrgent, isTight }: Need): boolean {
    return this.#isLogDue({ isUrgent, isTight }) || this.#isIndexDue(isUrgent);
  }

  /** One piece; the log first. */
  async compact(stop: AbortSignal): Promise<void> {
    if (this.#reclaimableBytes > 0) {
      await this.#deps.store.compact('log', stop);
      this.#reclaimableBytes = 0;
      this.#cutSinceMs = undefined;
      return;
    }
    await this.#deps.store.compact('index', stop);
  }

  #isLogDue({ isUrgent, isTight }: Need): boolean {
    if (this.#reclaimableBytes === 0) return false;
    const waitedMs = this.#deps.evenMs() - (this.#cutSinceMs ?? this.#deps.evenMs());
    return isUrgent || this.isFull(isTight) || waitedMs > maxIdleMs;
  }

  #isIndexDue(isUrgent: boolean): boolean {
    const { staleIndexCount, messageCount } = this.#deps.store;
    return staleIndexCount > messageCount * (isUrgent ? staleShares.urgent : staleShares.usual);
  }
}
