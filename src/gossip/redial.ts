// When to dial whom again: at once at first, then after waits that double, with jitter so that nodes that
// lost each other do not call at the same moment for ever.
import type { Clock } from '../clock.ts';

const firstWaitMs = 1_000;
const longestWaitMs = 60_000;
/** Discovery may name ever new peers. */
const maxRemembered = 1_024;

interface Attempts {
  readonly failures: number;
  readonly nextMs: number;
}

export interface RedialDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

export class Redial {
  readonly #deps: RedialDeps;
  readonly #attempts = new Map<string, Attempts>();

  constructor(deps: RedialDeps) {
    this.#deps = deps;
  }

  isDue(peerId: string): boolean {
    return (this.#attempts.get(peerId)?.nextMs ?? 0) <= this.#deps.clock.now();
  }

  /** To be called before each dial: an attempt counts as failed until `forget` says otherwise. */
  begin(peerId: string): void {
    const failures = this.#attempts.get(peerId)?.failures ?? 0;
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures);
    const jitter = 0.5 + this.#deps.random();
    this.#attempts.delete(peerId);
    this.#attempts.set(peerId, {
      failures: failures + 1,
      nextMs: this.#deps.clock.now() + waitMs * jitter,
    });
    for (const oldest of this.#attempts.keys()) {
      if (this.#attempts.size <= maxRemembered) break;
      this.#attempts.delete(oldest);
    }
  }

  /** The next dial is due at once, and the waits begin anew. */
  forget(peerId: string): void {
    this.#attempts.delete(peerId);
  }
}
