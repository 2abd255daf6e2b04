// When what was cut is taken off the disk: the log when it is worth it or room is short, the index in
// proportion to what was pruned.
import { indexPieces } from '../storage/index.ts';
import type { CutSlice, Store } from '../storage/store.ts';
import type { PruningLimits } from './limits.ts';

const MiB = 1024 * 1024;
const maxUnitBytes = 64 * MiB;
/** What was cut does not lie on the disk for longer than that. */
const maxIdleMs = 60_000;
/** What the log and the children keep of a message, beside its bytes. */
const recordBytes = 120;
/** The index is merged twice while the whole store is pruned once: a quarter of it is garbage on average. */
const piecesPerStore = 2 * indexPieces;

export interface CompactorDeps {
  readonly store: Pick<Store, 'compact' | 'messageCount'>;
  /** Milliseconds that count evenly. */
  readonly evenMs: () => number;
}

export class Compactor {
  readonly #unitBytes: number;
  readonly #deps: CompactorDeps;
  #reclaimableBytes = 0;
  #cutSinceMs: number | undefined;
  /** Pruned since the index was merged for it. */
  #debtMessages = 0;
  #nextPiece = 0;

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

  /** Compaction is the cheaper the more it takes at once; with so much it is time. */
  get isFull(): boolean {
    return this.#reclaimableBytes >= this.#unitBytes;
  }

  wasCut({ sizeBytes, messageCount }: CutSlice): void {
    this.#reclaimableBytes += sizeBytes + messageCount * recordBytes;
    this.#debtMessages += messageCount;
    this.#cutSinceMs ??= this.#deps.evenMs();
  }

  isDue(isUrgent: boolean): boolean {
    return this.#isLogDue(isUrgent) || this.#isIndexDue(isUrgent);
  }

  /** One piece; the log first. */
  async compact(): Promise<void> {
    if (this.#reclaimableBytes > 0) {
      await this.#deps.store.compact('log');
      this.#reclaimableBytes = 0;
      this.#cutSinceMs = undefined;
      return;
    }
    const share = this.#pieceMessages();
    await this.#deps.store.compact(this.#nextPiece);
    this.#nextPiece = (this.#nextPiece + 1) % indexPieces;
    this.#debtMessages = Math.max(0, this.#debtMessages - share);
  }

  #isLogDue(isUrgent: boolean): boolean {
    if (this.#reclaimableBytes === 0) return false;
    const waitedMs = this.#deps.evenMs() - (this.#cutSinceMs ?? this.#deps.evenMs());
    return isUrgent || this.isFull || waitedMs > maxIdleMs;
  }

  #isIndexDue(isUrgent: boolean): boolean {
    if (this.#debtMessages === 0) return false;
    return isUrgent || this.#debtMessages >= this.#pieceMessages();
  }

  #pieceMessages(): number {
    return (this.#deps.store.messageCount + this.#debtMessages) / piecesPerStore;
  }
}
