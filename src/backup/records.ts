// How messages and entry points stand in a chunk. Ids of messages are not written: they are the hashes of the bytes.
import { messageIdOf } from '../protocol/ids.ts';
import { maxMessageBytes } from '../protocol/message.ts';
import type { StoredMessage } from '../storage/store.ts';

/** seq u64, flags u8, arrival time u64, length u32. */
const recordHeadBytes = 21;
const lazyFlag = 1;

export type BackedUpMessage = Omit<StoredMessage, 'id'>;

export function encodeRecords(records: readonly BackedUpMessage[]): Buffer {
  return Buffer.concat(
    records.flatMap(({ seq, isLazy, arrivalMs, bytes }) => {
      const head = Buffer.allocUnsafe(recordHeadBytes);
      head.writeBigUInt64LE(BigInt(seq), 0);
      head.writeUInt8(isLazy ? lazyFlag : 0, 8);
      head.writeBigUInt64LE(BigInt(arrivalMs), 9);
      head.writeUInt32LE(bytes.length, 17);
      return [head, bytes];
    }),
  );
}

/** Undefined when these are no records. The bytes are views. Ids are made from the bytes, so they need no proof. */
export function decodeRecords(payload: Buffer): readonly StoredMessage[] | undefined {
  const records: StoredMessage[] = [];
  let at = 0;
  while (at < payload.length) {
    if (at + recordHeadBytes > payload.length) return undefined;
    const sizeBytes = payload.readUInt32LE(at + 17);
    const from = at + recordHeadBytes;
    if (sizeBytes > maxMessageBytes || from + sizeBytes > payload.length) return undefined;
    const bytes = payload.subarray(from, from + sizeBytes);
    records.push({
      seq: Number(payload.readBigUInt64LE(at)),
      isLazy: (payload.readUInt8(at + 8) & lazyFlag) !== 0,
      arrivalMs: Number(payload.readBigUInt64LE(at + 9)),
      id: messageIdOf(bytes),
      bytes,
    });
    at = from + sizeBytes;
  }
  return records;
}
