// After a failed write: wait, look for room on the disk, open again. Reads go on until the moment itself.
import type { TangleError } from '../errors.ts';
import { isOutOfSpace, reopenNeedBytes } from './database.ts';

const minWaitMs = 100;
const maxWaitMs = 10_000;

export interface ReopenDeps {
  /** Closes what is open and opens it again. */
  readonly reopen: () => Promise<void>;
  readonly freeBytes: () => Promise<number>;
  /** Rejects when the store is closed. */
  readonly wait: (ms: number) => Promise<void>;
  /** How often writing has failed since a write last succeeded: the more, the longer the wait. */
  readonly failureCount: number;
}

/** Tries for ever while the disk is full; throws what else keeps the databases from opening. */
export async function reopenWhenPossible(failure: TangleError, deps: ReopenDeps): Promise<void> {
  let needsSpace = isOutOfSpace(failure);
  for (let attempt = deps.failureCount; ; attempt += 1) {
    await deps.wait(Math.min(maxWaitMs, minWaitMs * 2 ** (attempt - 1)));
    if (needsSpace && (await deps.freeBytes()) < reopenNeedBytes) continue;
    try {
      await deps.reopen();
      return;
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      needsSpace = true;
    }
  }
}
