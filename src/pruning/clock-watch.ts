// Whether ages mean anything at the moment: machines without a battery start in the past, and are put right
// with a jump.
const settledMs = 60_000;
const maxDriftMs = 5_000;
/** Raised with every release; a clock that is earlier is wrong. */
export const builtAtMs = Date.UTC(2026, 10, 22);

export interface Clocks {
  /** As people read it; may be set. */
  readonly wallMs: number;
  /** Counts evenly from an arbitrary start. */
  readonly evenMs: number;
}

export class ClockWatch {
  #last: Clocks | undefined;
  #jumpedAtMs: number | undefined;

  /** Call it every few seconds. */
  isTrusted(now: Clocks): boolean {
    const last = this.#last ?? now;
    this.#last = now;
    const drift = now.wallMs - last.wallMs - (now.evenMs - last.evenMs);
    if (Math.abs(drift) > maxDriftMs) this.#jumpedAtMs = now.evenMs;
    const isSettled = this.#jumpedAtMs === undefined || now.evenMs - this.#jumpedAtMs >= settledMs;
    return isSettled && now.wallMs >= builtAtMs;
  }
}
