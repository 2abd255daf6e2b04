// How far the fetching of missing parents goes, and what it may cost.

export interface FetchLimits {
  /** An id is asked from somebody else after this long without an answer. */
  readonly timeoutMs: number;
  /** How often one id is asked for before it counts as not found. */
  readonly maxTries: number;
  /** Ids asked for at the same time. */
  readonly maxWanted: number;
  /** Messages that nobody asked for, whose past is being fetched. */
  readonly maxRoots: number;
  /** How far below a root, and how many messages for it, before it is below our horizon. */
  readonly maxGenerations: number;
  readonly maxMessagesPerRoot: number;
  /** What was given up is left alone for this long, but for one question to each who names it. */
  readonly restMs: number;
  /** Ids that were given up and are remembered. */
  readonly maxGivenUp: number;
}

/** A wanted id costs about 1 KiB with its traces, so all of these together stay below 10 MiB. */
export const fetchLimits: FetchLimits = {
  timeoutMs: 5_000,
  maxTries: 8,
  maxWanted: 4_096,
  maxRoots: 2_048,
  maxGenerations: 256,
  maxMessagesPerRoot: 2_048,
  restMs: 10 * 60_000,
  maxGivenUp: 2_048,
};
