// Messages to bytes and back (TIP-6). Exactly one byte form of a message is accepted, and only that one is written.
// The rules stand in the readers alone: what was written is read once more, so writers cannot drift from them.
import { TangleError } from '../errors.ts';
import { ByteReader, ByteWriter, compareBytes } from './bytes.ts';
import { asMessageId } from './ids.ts';
import { readIndexation, writeIndexation } from './indexation.ts';
import { readHashes, writeHashes } from './lists.ts';
import type { HashListRule } from './lists.ts';
import {
  maxMessageBytes,
  minDraftBytes,
  minMessageBytes,
  payloadTypes,
  wrongPayloadCode,
} from './message.ts';
import type { Message, MilestonePayload, Payload } from './message.ts';
import { parentsRule, readMilestone, writeMilestone } from './milestone.ts';
import { readTransaction, writeTransaction } from './transaction.ts';

const draftParentsRule: HashListRule = {
  ...parentsRule,
  count: { ...parentsRule.count, min: 0 },
};

/** Every message is written here first and then copied out; the codec never waits, so nobody meets in it. */
const scratch = new Uint8Array(maxMessageBytes);

/** Throws a TangleError with the code of the broken rule. The result holds views into `bytes`, which must not change. */
export function decodeMessage(bytes: Uint8Array): Message {
  checkSize(bytes, minMessageBytes);
  return readMessage(new ByteReader(bytes), parentsRule);
}

/** A message that a client left to the node to finish: as decodeMessage, but it may name no parents yet. */
export function decodeDraft(bytes: Uint8Array): Message {
  checkSize(bytes, minDraftBytes);
  return readMessage(new ByteReader(bytes), draftParentsRule);
}

/**
 * Throws what decodeMessage would, and FIELD_OUT_OF_RANGE for a value that has no byte form.
 * The result has memory of its own; a nonce found later may be put into its last eight bytes.
 */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(scratch);
  writer.u64(message.networkId);
  writeHashes(writer, message.parents, parentsRule);
  writer.payload(message.payload, writePayload);
  writer.u64(message.nonce);
  const bytes = writer.finish();
  decodeMessage(bytes);
  return bytes;
}

function checkSize(bytes: Uint8Array, minBytes: number): void {
  const sizeBytes = bytes.length;
  if (sizeBytes < minBytes) {
    throw new TangleError('MESSAGE_TOO_SHORT', undefined, { details: { sizeBytes } });
  }
  if (sizeBytes > maxMessageBytes) {
    throw new TangleError('MESSAGE_TOO_LARGE', undefined, { details: { sizeBytes } });
  }
}

function readMessage(reader: ByteReader, rule: HashListRule): Message {
  const networkId = reader.u64();
  const parents = readHashes(reader, rule).map(asMessageId);
  const payload = reader.payload(readPayload);
  const nonce = reader.u64();
  reader.finish();
  const message = { networkId, parents, payload, nonce };
  if (payload?.type === payloadTypes.milestone) checkMilestoneParents(message, payload);
  return message;
}

function readPayload(reader: ByteReader, type: number): Payload {
  switch (type) {
    case payloadTypes.transaction:
      return readTransaction(reader);
    case payloadTypes.milestone:
      return readMilestone(reader);
    case payloadTypes.indexation:
      return readIndexation(reader);
    default:
      throw reader.error(wrongPayloadCode(type));
  }
}

function writePayload(writer: ByteWriter, payload: Payload): void {
  switch (payload.type) {
    case payloadTypes.transaction:
      writeTransaction(writer, payload);
      break;
    case payloadTypes.milestone:
      writeMilestone(writer, payload);
      break;
    case payloadTypes.indexation:
      writeIndexation(writer, payload);
      break;
  }
}

function checkMilestoneParents({ parents }: Message, milestone: MilestonePayload): void {
  const isSame =
    parents.length === milestone.parents.length &&
    milestone.parents.every((parent, position) => {
      const own = parents[position];
      return own !== undefined && compareBytes(own, parent) === 0;
    });
  if (!isSame) throw new TangleError('MILESTONE_PARENTS_MISMATCH');
}
