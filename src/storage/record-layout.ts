// The value that the log has of a message: what proves it, when it came, its id, its bytes.
import { crc32 } from 'node:zlib';
import { asMessageId, messageIdOf } from '../protocol/ids.ts';
import { lazyFlag, readU64, u64Bytes, writeU64 } from './layout.ts';
import type { StoredMessage } from './store.ts';

const idBytes = 32;
const crcBytes = 4;
const flagsAt = crcBytes;
const arrivalAt = flagsAt + 1;
const idAt = arrivalAt + u64Bytes;
const messageAt = idAt + idBytes;

/** What the smallest message adds to a write-ahead file of the log, at the least: bounds how many it can hold. */
export const minLogRecordBytes = 1 + u64Bytes + messageAt + 53;

const crcInput = Buffer.alloc(u64Bytes + messageAt - flagsAt);

/** Over the seq too, so that a record proves its place. The bytes are proven by the id. */
function recordCrc(seq: number, value: Buffer): number {
  writeU64(crcInput, seq, 0);
  value.copy(crcInput, u64Bytes, flagsAt, messageAt);
  return crc32(crcInput);
}

export function encodeRecord(record: StoredMessage): Buffer {
  const value = Buffer.allocUnsafe(messageAt + record.bytes.length);
  value[flagsAt] = record.isLazy ? lazyFlag : 0;
  writeU64(value, record.arrivalMs, arrivalAt);
  value.set(record.id, idAt);
  value.set(record.bytes, messageAt);
  value.writeUInt32BE(recordCrc(record.seq, value), 0);
  return value;
}

/** What a record takes in the log. */
export function recordBytes({ bytes }: Pick<StoredMessage, 'bytes'>): number {
  return messageAt + bytes.length;
}

/**
 * The bytes are a view into the value; the id is a copy, because lists and the tip pool keep ids, and a view
 * would keep the whole message with each. Undefined when the checksum over all but the message bytes does not match.
 */
export function decodeRecord(seq: number, value: Buffer): StoredMessage | undefined {
  if (value.length < messageAt || value.readUInt32BE(0) !== recordCrc(seq, value)) return undefined;
  return decodeUnchecked(seq, value);
}

/** The same where the checksum is known to fail: nothing of it is to be believed. */
export function decodeUnchecked(seq: number, value: Buffer): StoredMessage | undefined {
  if (value.length < messageAt) return undefined;
  const id = Buffer.allocUnsafeSlow(messageAt - idAt);
  value.copy(id, 0, idAt, messageAt);
  return {
    seq,
    arrivalMs: readU64(value, arrivalAt),
    isLazy: value[flagsAt] === lazyFlag,
    id: asMessageId(id),
    bytes: value.subarray(messageAt),
  };
}

/** Whether the bytes are those that the id names; with `decodeRecord` the whole proof. About 1 us. */
export function hasProvenBytes(record: Pick<StoredMessage, 'id' | 'bytes'>): boolean {
  return Buffer.compare(messageIdOf(record.bytes), record.id) === 0;
}
