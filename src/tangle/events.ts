// Tells those who listen what has become solid. Nobody waits for a listener, and none can make memory grow.
import type { Candidate } from './candidate.ts';

export type SolidMessage = Pick<Candidate, 'id' | 'bytes' | 'message'>;

export interface FeedLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export class SolidFeed {
  readonly #watchers = new Set<() => void>();
  readonly #subscriptions = new Set<FeedSubscription>();

  /** In the order in which they became solid; parents come before children. */
  publish(messages: readonly SolidMessage[]): void {
    for (const subscription of this.#subscriptions) subscription.add(messages);
    for (const wake of this.#watchers) wake();
  }

  /** Calls `wake` whenever something is new, without saying what. Returns how to end that. */
  watch(wake: () => void): () => void {
    // One function may watch twice.
    const watcher = (): void => wake();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** What is published from now on, as far as it fits into the limits. */
  subscribe(limits: FeedLimits): FeedSubscription {
    const subscription = new FeedSubscription(limits, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }
}

/** A queue between the feed and one listener. What finds no room is counted and skipped. */
export class FeedSubscription implements Disposable {
  readonly #limits: FeedLimits;
  readonly #onEnd: () => void;
  #waiting: SolidMessage[] = [];
  #waitingBytes = 0;
  #skippedCount = 0;
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(limits: FeedLimits, onEnd: () => void) {
    this.#limits = limits;
    this.#onEnd = onEnd;
  }

  /** Messages that found no room, ever. */
  get skippedCount(): number {
    return this.#skippedCount;
  }

  add(messages: readonly SolidMessage[]): void {
    const { maxMessages, maxBytes } = this.#limits;
    for (const message of messages) {
      const sizeBytes = this.#waitingBytes + message.bytes.length;
      if (this.#waiting.length < maxMessages && sizeBytes <= maxBytes) {
        this.#waiting.push(message);
        this.#waitingBytes = sizeBytes;
      } else this.#skippedCount += 1;
    }
    this.#wake();
  }

  /** All that waits, again and again, until the subscription is disposed of. For one reader. */
  async *batches(): AsyncGenerator<readonly SolidMessage[]> {
    while (!this.#isOver) {
      const batch = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      if (batch.length > 0) yield batch;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#onEnd();
    this.#wake();
  }
}
