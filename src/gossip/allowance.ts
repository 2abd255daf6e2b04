// What all who ask for something get of it together: whoever is answered beyond it waits until it has grown again.
import type { Clock, SetTimer } from '../clock.ts';
import { Budget } from './budget.ts';
import type { BudgetLimits } from './budget.ts';

export class Allowance {
  readonly #budget: Budget;
  readonly #setTimer: SetTimer;

  constructor(limits: BudgetLimits, { clock, setTimer }: { clock: Clock; setTimer: SetTimer }) {
    this.#budget = new Budget(limits, clock);
    this.#setTimer = setTimer;
  }

  /** Resolves when there is no debt, this one included. */
  async spend(amount: number): Promise<void> {
    this.#budget.spend(amount);
    const waitMs = this.#budget.waitMs();
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#setTimer(resolve, waitMs));
  }
}
