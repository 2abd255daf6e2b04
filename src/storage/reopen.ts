// After a failed write: wait, look for room on the disk, open again. Reads go on until the moment itself.
import type { TangleError } from '../errors.ts';
import { isOutOfSpace, reopenNeedBytes } from './database.ts';
import type { Shelves } from './append.ts';

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

/** Puts into memory what a reopening found beyond the messages that were acknowledged. */
export async function recallTail({ log, view }: Shelves, acknowledgedSeq: number): Promise<void> {
  let fromSeq = acknowledgedSeq + 1;
  for (;;) {
    const page = await log.read({ fromSeq, limit: 1_000, maxBytes: 4 * 1024 * 1024 });
    const last = page.at(-1);
    if (last === undefined) return;
    await view.facts(page.map(({ id }) => id));
    fromSeq = last.seq + 1;
  }
}
