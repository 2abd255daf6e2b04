// What a start that takes long is doing: told in the log now and then, and to whoever asks at /health.
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

const logIntervalMs = 5_000;

export class StartProgress {
  readonly #clock: Clock;
  readonly #log: Logger;
  #sentence = 'The node opens its store.';
  #nextLogMs: number;

  constructor(deps: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#nextLogMs = deps.clock.now() + logIntervalMs;
  }

  get sentence(): string {
    return this.#sentence;
  }

  /** While the index is brought up to the log. */
  readonly indexing = (done: number, total: number): void => {
    this.#sentence = `The node makes its index: ${done} of ${total} messages are in it.`;
    const nowMs = this.#clock.now();
    if (nowMs < this.#nextLogMs) return;
    this.#nextLogMs = nowMs + logIntervalMs;
    this.#log.info({ done, total }, 'indexing');
  };
}
