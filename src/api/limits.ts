// What strangers can cost the node at most: connections, headers, bodies, patience.

/** Of requests and their connections; settings may give others. */
export interface Limits {
  /** For the handshake of TLS; then those for the headers begin. */
  readonly handshakeMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often those two are looked after: with Node's own 30 s a drip of 5 s lives 29 s (measured). */
  readonly checkMs: number;
  /** Longer than proxies keep idle connections to us, so that it is they who close. */
  readonly keepAliveMs: number;
  /** Nothing sent or received; switched off while an attach mines. */
  readonly silenceMs: number;
  readonly tcpProbeAfterMs: number;
  /** How soon a token that was revoked ends the streams that it opened. */
  readonly recheckMs: number;
  readonly headerBytes: number;
  readonly headerCount: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** 0 sets no limit. */
  readonly maxRequestsPerMinute: number;
  /** 0 answers however late the node is. */
  readonly maxEventLoopDelayMs: number;
}

export const defaultLimits: Limits = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  checkMs: 1_000,
  keepAliveMs: 75_000,
  silenceMs: 120_000,
  tcpProbeAfterMs: 30_000,
  recheckMs: 60_000,
  headerBytes: 16 * 1024,
  headerCount: 100,
  maxConnections: 1_000,
  maxConnectionsPerClient: 100,
  maxRequestsPerMinute: 6_000,
  maxEventLoopDelayMs: 500,
};

export interface Throughput {
  /** Requests whose answers are being made. */
  readonly atOnce: number;
  /** Requests that wait for that; more are refused. */
  readonly waiting: number;
}

/**
 * How many requests of a kind are worked on at once; every route names its kind. Those without numbers are bounded
 * otherwise: a `probe` tells the health of the node to everybody, however often and however late the node is; a `lookup` is answered before the next request is looked at, a `queue` is one of its own with a length
 * (the intake, the proof of work), a `stream` counts its listeners.
 */
export const routeLimits = {
  probe: undefined,
  lookup: undefined,
  queue: undefined,
  stream: undefined,
  /** Up to 1000 records each. */
  list: { atOnce: 4, waiting: 500 },
  /** Made for people and monitors: few ask, and each costs milliseconds. */
  report: { atOnce: 2, waiting: 50 },
  /** What the owner changes. */
  change: { atOnce: 2, waiting: 50 },
} as const satisfies Record<string, Throughput | undefined>;

export type RouteLimit = keyof typeof routeLimits;
