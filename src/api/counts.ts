// What the API counts of itself, for the metrics.
import type { ErrorCode } from '../errors.ts';

export class ApiCounts {
  /** Open now, idle ones and WebSockets too. */
  connections = 0;
  /** Who listens to server-sent events now, by what they are about. */
  readonly listeners = { messages: 0, jobs: 0 };
  readonly #refused = new Map<ErrorCode, number>();

  /** Requests that were answered with an error, ever. */
  get refused(): ReadonlyMap<ErrorCode, number> {
    return this.#refused;
  }

  refuse(code: ErrorCode): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }
}
