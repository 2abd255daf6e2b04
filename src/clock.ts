// The one source of time. Passed in everywhere, so tests and the simulation move it by hand.

/** Milliseconds since the Unix epoch. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
