// How mining makes room for the node's own work.

/** Well below what a client notices, well above what an idle loop on a busy machine shows. */
const lateMs = 25;

/** Of the budget: mining never stops, or a busy node would keep its clients waiting for ever. */
const floor = 1 / 16;
const recoveryStep = 1 / 4;

/**
 * The share of the cores until the next look: half of what it was when the event loop was late,
 * back to the budget in a few steps when it is not.
 */
export function nextShare(share: number, budget: number, delayMs: number): number {
  const next = delayMs > lateMs ? share / 2 : share + budget * recoveryStep;
  return Math.min(Math.max(next, budget * floor), budget);
}
