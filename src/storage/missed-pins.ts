// Messages that were not kept though their indexation key is pinned: counted, and told once each time it begins.
import type { Logger } from '../log.ts';

export class MissedPins {
  readonly #log: Logger;
  #isMissing = false;
  /** Since the start. */
  count = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** By one slice of a cut. */
  readonly add = (missedCount: number): void => {
    this.count += missedCount;
    if (missedCount === 0) return;
    if (!this.#isMissing) {
      this.#log.warn(
        { count: missedCount },
        'messages of a pinned index are pruned, pins take as much as pruning.maxPinnedBytes allows',
      );
    }
    this.#isMissing = true;
  };

  /** There may be room again. */
  wasUnpinned(): void {
    this.#isMissing = false;
  }
}
