// What the index has of stored messages, made from their bytes.
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId, idText } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { IndexEntry } from './index-entry.ts';
import type { Index } from './index.ts';
import type { Log } from './log.ts';
import { hasProvenBytes } from './record-layout.ts';
import type { StoredMessage } from './store.ts';

interface EntrySources {
  readonly index: Index;
  /** Undefined where the index has nothing that was pruned. */
  readonly log?: Pick<Log, 'cutSeq' | 'pins'>;
}

/**
 * Parents are found among the records themselves, and in the index. Damaged messages get no entries: they are not
 * found, so they can be fetched again.
 */
export async function entriesOf(
  records: readonly StoredMessage[],
  { index, log }: EntrySources,
  onDamaged?: (record: StoredMessage) => void,
): Promise<readonly IndexEntry[]> {
  const decoded = records.flatMap((record) => {
    if (hasProvenBytes(record)) return [{ record, message: decodeMessage(record.bytes) }];
    onDamaged?.(record);
    return [];
  });
  const seqs = new Map(records.map(({ id, seq }) => [idText(id), seq]));
  seqs.set(idText(genesisId), 0);
  const parents = decoded.flatMap(({ message }) => message.parents);
  const elsewhere = parents.filter((id) => !seqs.has(idText(id)));
  const located = await index.locate(elsewhere);
  const cutSeq = log?.cutSeq ?? 0;
  // The index knows some that were pruned: those have no children there, unless they are kept.
  const kept = await log?.pins.keptOf(
    located.map((seq = 0) => seq).filter((seq) => seq > 0 && seq <= cutSeq),
  );
  for (const [position, seq = 0] of located.entries()) {
    const id = elsewhere[position];
    const isThere = seq > cutSeq || kept?.has(seq) === true;
    if (id !== undefined && isThere) seqs.set(idText(id), seq);
  }
  return decoded.map(({ record: { seq, id, isLazy }, message }) => ({
    seq,
    id,
    isLazy,
    // A parent that was pruned and came again has a higher number: it has this child no more.
    parentSeqs: message.parents
      .map((parent) => seqs.get(idText(parent)) ?? seq)
      .filter((parentSeq) => parentSeq < seq),
    indexKey: indexKeyOf(message),
  }));
}

/** Of a damaged message nobody knows it. */
export function indexKeyIn(record: StoredMessage): Uint8Array | undefined {
  return hasProvenBytes(record) ? indexKeyOf(decodeMessage(record.bytes)) : undefined;
}
