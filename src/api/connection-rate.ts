// How many connections a client may open in a minute: as many as requests, for whoever sends one on each. Without it a
// client could spend the node's time on handshakes of TLS alone, which cost as much as requests and are none.

const windowMs = 60_000;
/** Counted at a time; beyond them the one that came first is forgotten. */
export const countedClients = 5_000;

export class ConnectionRate {
  /** 0 sets no limit. */
  readonly #maxPerMinute: number;
  readonly #nowMs: () => number;
  readonly #counts = new Map<string, number>();
  #sinceMs: number;

  constructor(maxPerMinute: number, nowMs: () => number = () => performance.now()) {
    this.#maxPerMinute = maxPerMinute;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  /** Counts one more; false when it is one too many. */
  allows(client: string): boolean {
    if (this.#maxPerMinute === 0) return true;
    const nowMs = this.#nowMs();
    if (nowMs - this.#sinceMs >= windowMs) {
      this.#counts.clear();
      this.#sinceMs = nowMs;
    }
    const count = (this.#counts.get(client) ?? 0) + 1;
    if (count > this.#maxPerMinute) return false;
    this.#counts.set(client, count);
    if (this.#counts.size > countedClients) this.#forgetFirst();
    return true;
  }

  #forgetFirst(): void {
    for (const first of this.#counts.keys()) {
      this.#counts.delete(first);
      return;
    }
  }
}
