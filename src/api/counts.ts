// What the API counts of itself, for the metrics.
import type { ErrorCode } from '../errors.ts';

/** Why a connection was ended, or not taken, without an answer. */
export const cutReasons = [
  'client_connections',
  'client_rate',
  'full',
  'made_room',
  'handshake',
  'plain_http',
] as const;
export type CutReason = (typeof cutReasons)[number];

export class ApiCounts {
  /** Open now, idle ones and WebSockets too. */
  connections = 0;
  /** Most of them at a time, once there is an address to connect to. */
  maxConnections = 0;
  /** Who listens to server-sent events now, by what they are about. */
  readonly listeners = { messages: 0, jobs: 0 };
  readonly #cut = new Map<CutReason, number>(cutReasons.map((reason) => [reason, 0]));
  readonly #refused = new Map<ErrorCode, number>();

  /** Requests that were answered with an error, ever. */
  get refused(): ReadonlyMap<ErrorCode, number> {
    return this.#refused;
  }

  /** Connections, ever. */
  get cut(): ReadonlyMap<CutReason, number> {
    return this.#cut;
  }

  countCut(reason: CutReason): void {
    this.#cut.set(reason, (this.#cut.get(reason) ?? 0) + 1);
  }

  refuse(code: ErrorCode): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }
}
