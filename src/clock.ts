// The one source of time. Passed in everywhere, so tests and the simulation move it by hand.

/** Milliseconds since the Unix epoch. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Calls back once, later; the function it returns cancels that. */
export type SetTimer = (callback: () => void, delayMs: number) => () => void;

/** Keeps no process alive. */
export const systemTimer: SetTimer = (callback, delayMs) => {
  const timer = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timer);
};
