// What damaged blocks of the log still have: messages, and those that are kept below the cut. Both prove themselves.
import { decodeMessage } from '../protocol/codec.ts';
import type { Database } from './database.ts';
import { carries } from './index-entry.ts';
import { decodeNumber, idKey, logSpaces, messageKey, seqOfKey } from './layout.ts';
import { putBackProven } from './open-damaged.ts';
import type { DamagedDatabase } from './open-damaged.ts';
import { decodeRecord, hasProvenBytes } from './record-layout.ts';
import { provenPin } from './salvage-pins.ts';
import type { StoredMessage } from './store.ts';

/**
 * What was removed in the meantime is sorted out by those who read the log: of messages the cut and the epochs tell, of
 * what is kept the pins.
 */
export function putBackMessages(
  log: DamagedDatabase,
  indexDb: Database | undefined,
): Promise<void> {
  return putBackProven(log, async (key, value) => {
    if (key[0] === logSpaces.messages.prefix) return isProvenMessage(key, value);
    if (key[0] !== logSpaces.pins.prefix) return false;
    const kept = provenPin(key, value);
    return kept !== undefined && !(await hasComeAgain(kept, log.db, indexDb));
  });
}

function isProvenMessage(key: Buffer, value: Buffer): boolean {
  if (key.length !== messageKey(0).length) return false;
  const record = decodeRecord(seqOfKey(key), value);
  return record !== undefined && hasProvenBytes(record) && isMessage(record);
}

function isMessage({ bytes }: StoredMessage): boolean {
  try {
    decodeMessage(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Then it was removed from what is kept, and has another number. */
async function hasComeAgain(
  { id, seq }: StoredMessage,
  logDb: Database,
  indexDb: Database | undefined,
): Promise<boolean> {
  const place = await indexDb?.get(idKey(id));
  if (place === undefined || decodeNumber(place) === seq) return false;
  const newSeq = decodeNumber(place);
  const value = await logDb.get(messageKey(newSeq));
  const record = value && decodeRecord(newSeq, value);
  return carries(record, id);
}
