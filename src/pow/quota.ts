// How many hashes a client may ask for in a minute.
import { TangleError } from '../errors.ts';
import type { Clock } from '../clock.ts';

interface Level {
  hashes: number;
  atMs: number;
}

const windowMs = 60_000;

/** A vessel for each client that leaks as many hashes a minute as it holds. */
export class Quota {
  readonly #hashesPerMinute: number;
  readonly #clock: Clock;
  readonly #levels = new Map<string, Level>();
  #sweptMs = 0;

  /** 0 hashes a minute: no quota. */
  constructor(hashesPerMinute: number, clock: Clock) {
    this.#hashesPerMinute = hashesPerMinute;
    this.#clock = clock;
  }

  /**
   * A job larger than the whole quota is let through when nothing else was asked for lately.
   *
   * @throws TangleError POW_QUOTA
   */
  check(client: string, hashes: number): void {
    const used = this.#levelOf(client);
    const excess = used + hashes - this.#hashesPerMinute;
    if (this.#hashesPerMinute === 0 || used === 0 || excess <= 0) return;
    const leakMs = (Math.min(excess, used) / this.#hashesPerMinute) * windowMs;
    throw new TangleError('POW_QUOTA', undefined, {
      details: { retryAfterSeconds: Math.ceil(leakMs / 1_000) },
    });
  }

  take(client: string, hashes: number): void {
    if (this.#hashesPerMinute === 0) return;
    this.#sweep();
    this.#levels.set(client, {
      hashes: this.#levelOf(client) + hashes,
      atMs: this.#clock.now(),
    });
  }

  /** Of what was taken then, as much as has not leaked away since. */
  giveBack(client: string, hashes: number, takenAtMs: number): void {
    const level = this.#levels.get(client);
    const agoMs = Math.max(0, this.#clock.now() - takenAtMs);
    const leaked = (agoMs / windowMs) * this.#hashesPerMinute;
    if (level !== undefined) level.hashes -= Math.max(0, hashes - leaked);
  }

  /** Clients it remembers: those whose vessel was not empty within the last minute. */
  get clientCount(): number {
    return this.#levels.size;
  }

  #levelOf(client: string): number {
    const { hashes, atMs } = this.#levels.get(client) ?? { hashes: 0, atMs: 0 };
    // A clock that was set back leaks nothing, rather than filling up.
    const agoMs = Math.max(0, this.#clock.now() - atMs);
    return Math.max(0, hashes - (agoMs / windowMs) * this.#hashesPerMinute);
  }

  #sweep(): void {
    const nowMs = this.#clock.now();
    if (Math.abs(nowMs - this.#sweptMs) < windowMs) return;
    this.#sweptMs = nowMs;
    for (const client of this.#levels.keys()) {
      if (this.#levelOf(client) === 0) this.#levels.delete(client);
    }
  }
}
