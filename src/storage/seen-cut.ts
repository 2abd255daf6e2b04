// Up to where others than the log itself know that it was pruned: for a log that has lost its newest word about that,
// so that what was pruned does not come back with an older one.
import type { Database } from './database.ts';
import { lastSeqUnder } from './epochs.ts';
import {
  decodePosition,
  decodeSwept,
  logSpaces,
  positionKey,
  spaceRange,
  sweptKey,
} from './layout.ts';
import type { Epoch } from './layout.ts';
import { salvage, salvageOne } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import { provenPin } from './salvage-pins.ts';

interface Witnesses {
  readonly epochs: readonly Epoch[];
  readonly indexDb: Database | undefined;
  readonly report: SalvageReport;
}

/** Both are written with the cut or after it. */
export async function seenCutSeq(
  logDb: Database,
  { epochs, indexDb, report }: Witnesses,
): Promise<number> {
  const newestKept = await newestKeptSeq(logDb, report);
  return Math.max(newestKept, indexDb === undefined ? 0 : await sweptSeq(indexDb, epochs));
}

/** Kept messages are those below the cut, the newest first. */
async function newestKeptSeq(logDb: Database, report: SalvageReport): Promise<number> {
  for await (const page of salvage(logDb, spaceRange(logSpaces.pins), report)) {
    for (const [key, value] of page) {
      const kept = provenPin(key, value);
      if (kept !== undefined) return kept.seq;
    }
  }
  return 0;
}

async function sweptSeq(indexDb: Database, epochs: readonly Epoch[]): Promise<number> {
  const report = { isUnreadable: false };
  const [place, swept] = [
    await salvageOne(indexDb, positionKey, report),
    await salvageOne(indexDb, sweptKey, report),
  ];
  if (place === undefined || swept === undefined) return 0;
  const { logId, indexedUpToSeq } = decodePosition(place);
  const lastSeq = lastSeqUnder(epochs, logId);
  const seq = Math.max(0, ...decodeSwept(swept));
  const isOfLog = lastSeq !== undefined && indexedUpToSeq <= lastSeq;
  return isOfLog && seq <= indexedUpToSeq ? seq : 0;
}
