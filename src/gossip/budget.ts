// How much a neighbour may ask of us in a second. A bucket that time fills and use empties.
import type { Clock } from '../clock.ts';

export interface BudgetLimits {
  readonly perSecond: number;
  /** What may be used at once after a quiet time. */
  readonly burst: number;
}

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #clock: Clock;
  #left: number;
  #filledMs: number;

  constructor(limits: BudgetLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#left = limits.burst;
    this.#filledMs = clock.now();
  }

  /** Takes the amount if it is there. */
  take(amount: number): boolean {
    this.#fill();
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }

  /** Takes the amount even if it is not there; the debt shows in `waitMs`. */
  spend(amount: number): void {
    this.#fill();
    this.#left -= amount;
  }

  /** As `spend`, as of the last look at the clock: for many small amounts in one go, which `spend(0)` begins. */
  spendNow(amount: number): void {
    this.#left -= amount;
  }

  /** How long until there is no debt. Asks for the time only if there is one. */
  waitMs(): number {
    if (this.#left >= 0) return 0;
    this.#fill();
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#limits.perSecond) * 1000);
  }

  #fill(): void {
    const nowMs = this.#clock.now();
    const passedMs = Math.max(0, nowMs - this.#filledMs);
    this.#left = Math.min(
      this.#limits.burst,
      this.#left + (passedMs / 1000) * this.#limits.perSecond,
    );
    this.#filledMs = nowMs;
  }
}
