// The indexation payload (TIP-6): a key to be found by, and data. Offsets in docs/protocol.md.
import type { ByteReader, ByteWriter, CountRule } from './bytes.ts';
import { maxIndexBytes, payloadTypes } from './message.ts';
import type { IndexationPayload } from './message.ts';

const indexLength: CountRule = { min: 1, max: maxIndexBytes, code: 'INDEX_LENGTH_INVALID' };

/** Reads what follows the payload type. Throws INDEX_LENGTH_INVALID. */
export function readIndexation(reader: ByteReader): IndexationPayload {
  const index = reader.bytes(reader.count16(indexLength));
  const data = reader.bytes(reader.u32());
  return { type: payloadTypes.indexation, index, data };
}

export function writeIndexation(writer: ByteWriter, payload: IndexationPayload): void {
  writer.count16(payload.index.length, indexLength);
  writer.bytes(payload.index);
  writer.u32(payload.data.length);
  writer.bytes(payload.data);
}
