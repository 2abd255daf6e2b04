// Who listens to the agent, so that a node that stops can wait until all of them know.
import type { Clock, SetTimer } from '../clock.ts';
import { systemTimer } from '../clock.ts';

/** Who has not asked for so long is gone, or asks too seldom to be waited for. */
export const listensMs = 3_000;
/** Two proxies with two pools each ask under four names; nobody needs so many. */
export const maxRemembered = 256;
/** Who has not asked again by then has crashed meanwhile. */
export const longestDrainMs = 2_000;

export class Audience {
  readonly #clock: Clock;
  readonly #setTimer: SetTimer;
  readonly #heardMs = new Map<string, number>();
  readonly #drained = Promise.withResolvers<void>();
  #isDraining = false;

  constructor(clock: Clock, setTimer: SetTimer = systemTimer) {
    this.#clock = clock;
    this.#setTimer = setTimer;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Someone has asked; while draining, that is someone who knows now. */
  hear(asker: string): void {
    if (this.#isDraining) return this.#tick(asker);
    this.#heardMs.delete(asker);
    this.#heardMs.set(asker, this.#clock.now());
    if (this.#heardMs.size <= maxRemembered) return;
    for (const oldest of this.#heardMs.keys()) {
      this.#heardMs.delete(oldest);
      return;
    }
  }

  /** From now on the answer is to stay away. Resolves when all who asked of late have heard it. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const sinceMs = this.#clock.now() - listensMs;
    for (const [asker, heardMs] of this.#heardMs) {
      if (heardMs < sinceMs) this.#heardMs.delete(asker);
    }
    if (this.#heardMs.size === 0) return;
    const giveUp = this.#setTimer(() => this.#drained.resolve(), longestDrainMs);
    await this.#drained.promise;
    giveUp();
  }

  #tick(asker: string): void {
    this.#heardMs.delete(asker);
    if (this.#heardMs.size === 0) this.#drained.resolve();
  }
}
