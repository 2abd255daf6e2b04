// How often a client may do something in a minute: send a request, open a connection. Asked at every request, so it
// answers at once and not by a promise.

const windowMs = 60_000;
/** Counted at a time, 1 MB of memory; beyond them the one that was silent longest is forgotten. */
export const countedClients = 5_000;

interface Window {
  readonly endMs: number;
  count: number;
}

export class ClientRate {
  /** 0 sets no limit. */
  readonly #maxPerMinute: number;
  readonly #nowMs: () => number;
  /** The one that was silent longest is the first. */
  readonly #windows = new Map<string, Window>();
  #newest: string | undefined;

  constructor(maxPerMinute: number, nowMs: () => number = () => performance.now()) {
    this.#maxPerMinute = maxPerMinute;
    this.#nowMs = nowMs;
  }

  /** Counts one more. In how many milliseconds it is allowed: 0 is now. */
  waitMs(client: string): number {
    if (this.#maxPerMinute === 0) return 0;
    const nowMs = this.#nowMs();
    const window = this.#windowOf(client, nowMs);
    if (window.count >= this.#maxPerMinute) return window.endMs - nowMs;
    window.count += 1;
    return 0;
  }

  /** A minute from the first that a client does, then from the first after it. */
  #windowOf(client: string, nowMs: number): Window {
    const last = this.#windows.get(client);
    const isOver = last === undefined || last.endMs <= nowMs;
    const window = isOver ? { endMs: nowMs + windowMs, count: 0 } : last;
    // Most that ask have asked last; they need not be put in their place again.
    if (client === this.#newest && !isOver) return window;
    this.#newest = client;
    this.#windows.delete(client);
    this.#windows.set(client, window);
    if (this.#windows.size > countedClients) this.#forgetFirst();
    return window;
  }

  #forgetFirst(): void {
    for (const first of this.#windows.keys()) {
      this.#windows.delete(first);
      return;
    }
  }
}
