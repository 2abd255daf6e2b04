// What the index has of one message: what it writes of it, what it removes, and when it is believed.
import { genesisId } from '../protocol/ids.ts';
import type { Batch } from './database.ts';
import { farKey, isFarChild } from './far-layout.ts';
import {
  childKey,
  childKeyInto,
  encodeId,
  encodeNumber,
  idKey,
  idKeyInto,
  indexationKey,
  numberInto,
} from './layout.ts';
import type { StoredMessage } from './store.ts';

const nothing = Buffer.alloc(0);
/** Each put writes over them: a batch has copied what it was given when `put` returns. */
const reused = {
  id: idKey(genesisId),
  number: encodeNumber(0),
  child: childKey(0, false, 0),
  value: encodeId(genesisId),
};

export interface IndexEntry extends Pick<StoredMessage, 'seq' | 'id' | 'isLazy'> {
  /** 0 for the genesis; other entry points have no place here. */
  readonly parentSeqs: readonly number[];
  readonly indexKey: Uint8Array | undefined;
}

export function putEntry(
  batch: Batch,
  { seq, id, isLazy, parentSeqs, indexKey }: IndexEntry,
): void {
  batch.put(idKeyInto(reused.id, id), numberInto(reused.number, seq));
  for (const parentSeq of parentSeqs) {
    batch.put(childKeyInto(reused.child, { parentSeq, isLazy, childSeq: seq }), nothing);
    if (isFarChild(parentSeq, seq)) batch.put(farKey(parentSeq, seq), nothing);
  }
  if (indexKey !== undefined) {
    reused.value.set(id);
    batch.put(indexationKey(indexKey, seq), reused.value);
  }
}

/** `isFound`: its id leads to it, and not to another that begins alike. */
export function delEntry(
  batch: Batch,
  { seq, id, isLazy, parentSeqs, indexKey }: IndexEntry,
  { isFound }: { readonly isFound: boolean },
): void {
  if (isFound) batch.del(idKey(id));
  for (const parentSeq of parentSeqs) {
    batch.del(childKey(parentSeq, isLazy, seq));
    if (isFarChild(parentSeq, seq)) batch.del(farKey(parentSeq, seq));
  }
  if (indexKey !== undefined) batch.del(indexationKey(indexKey, seq));
}

/** Whether what the index led to is the message that was looked for. */
export function carries(
  record: StoredMessage | undefined,
  id: Uint8Array,
): record is StoredMessage {
  return record !== undefined && Buffer.compare(record.id, id) === 0;
}
