// How many things happen a second, over the last ten.
import type { Clock } from '../clock.ts';

const windowSeconds = 10;

export class RateMeter {
  readonly #clock: Clock;
  readonly #counts = new Float64Array(windowSeconds);
  #second: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = Math.floor(clock.now() / 1000);
  }

  add(count: number): void {
    this.#advance();
    const slot = this.#second % windowSeconds;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + count;
  }

  perSecond(): number {
    this.#advance();
    return this.#counts.reduce((sum, count) => sum + count, 0) / windowSeconds;
  }

  /** Clears the seconds in which nothing was counted. */
  #advance(): void {
    const second = Math.floor(this.#clock.now() / 1000);
    const gone = Math.min(Math.max(second - this.#second, 0), windowSeconds);
    for (let step = 1; step <= gone; step++)
      this.#counts[(this.#second + step) % windowSeconds] = 0;
    this.#second = Math.max(second, this.#second);
  }
}
