// What other implementations wrote, and what they refuse.
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { bytesFromHex, hexOf } from '../../src/protocol/bytes.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import {
  messageIdHex,
  messageIdOf,
  milestoneIdOf,
  transactionIdOf,
} from '../../src/protocol/ids.ts';
import { scoreOf } from '../../src/protocol/score.ts';
import invalidMessages from '../vectors/messages-invalid.json' with { type: 'json' };
import validMessages from '../vectors/messages-valid.json' with { type: 'json' };
import { codeOf } from './builders.ts';
import { jsonOf } from './json.ts';

/** The code that names each rule of the file. */
const codeOfRule: Record<string, ErrorCode> = {
  empty: 'MESSAGE_TOO_SHORT',
  'shorter than the smallest message': 'MESSAGE_TOO_SHORT',
  'parents count 0': 'PARENTS_COUNT_INVALID',
  'parents count 9': 'PARENTS_COUNT_INVALID',
  'parents count beyond the bytes': 'MESSAGE_TRUNCATED',
  'parents not sorted': 'PARENTS_NOT_SORTED',
  'parents repeated': 'PARENTS_NOT_UNIQUE',
  'payload length too long': 'PAYLOAD_LENGTH_MISMATCH',
  'payload length too short': 'PAYLOAD_LENGTH_MISMATCH',
  'payload length of 4 GiB': 'MESSAGE_TRUNCATED',
  'trailing byte': 'TRAILING_BYTES',
  'unknown payload type': 'PAYLOAD_TYPE_UNKNOWN',
  'receipt as a message payload': 'PAYLOAD_TYPE_NOT_ALLOWED',
  'index length 0': 'INDEX_LENGTH_INVALID',
  'index length 65': 'INDEX_LENGTH_INVALID',
  'data length beyond the payload': 'PAYLOAD_LENGTH_MISMATCH',
  '32769 bytes': 'MESSAGE_TOO_LARGE',
  'transaction: essence type 1': 'ESSENCE_TYPE_UNKNOWN',
  'transaction: no inputs': 'INPUTS_COUNT_INVALID',
  'transaction: 128 inputs': 'INPUTS_COUNT_INVALID',
  'transaction: input type 1': 'INPUT_TYPE_UNKNOWN',
  'transaction: output index 127': 'INPUT_OUTPUT_INDEX_INVALID',
  'transaction: inputs not sorted': 'INPUTS_NOT_SORTED',
  'transaction: inputs repeated': 'INPUTS_NOT_UNIQUE',
  'transaction: no outputs': 'OUTPUTS_COUNT_INVALID',
  'transaction: output type 9': 'OUTPUT_TYPE_UNKNOWN',
  'transaction: address type 1': 'ADDRESS_TYPE_UNKNOWN',
  'transaction: amount 0': 'OUTPUT_AMOUNT_INVALID',
  'transaction: amount above the supply': 'OUTPUT_AMOUNT_INVALID',
  'transaction: outputs not sorted': 'OUTPUTS_NOT_SORTED',
  'transaction: address twice for one output type': 'OUTPUT_ADDRESS_NOT_UNIQUE',
  'transaction: unlock blocks fewer than inputs': 'UNLOCK_BLOCKS_COUNT_INVALID',
  'transaction: unlock type 7': 'UNLOCK_BLOCK_TYPE_UNKNOWN',
  'transaction: signature type 1': 'SIGNATURE_TYPE_UNKNOWN',
  'transaction: reference to itself': 'REFERENCE_INVALID',
  'milestone: parents differ from the message': 'MILESTONE_PARENTS_MISMATCH',
  'milestone: next PoW score without its index': 'MILESTONE_POW_INVALID',
  'milestone: public keys not sorted': 'MILESTONE_KEYS_INVALID',
  'milestone: signature count differs from key count': 'MILESTONE_SIGNATURES_INVALID',
};

/** What stands between the payload length and the nonce. */
function payloadBytesOf(messageBytes: Uint8Array): Uint8Array {
  return messageBytes.subarray(8 + 1 + 32 * (messageBytes[8] ?? 0) + 4, -8);
}

describe('a message that others wrote', () => {
  it.each(validMessages)('is decoded to its fields: $name', ({ bytes, json }) => {
    expect(jsonOf(decodeMessage(bytesFromHex(bytes, 'bytes')))).toEqual(json);
  });

  it.each(validMessages)('is encoded to the same bytes: $name', ({ bytes }) => {
    expect(hexOf(encodeMessage(decodeMessage(bytesFromHex(bytes, 'bytes'))))).toBe(bytes);
  });

  it.each(validMessages)('has its id: $name', ({ bytes, messageId }) => {
    expect(messageIdHex(messageIdOf(bytesFromHex(bytes, 'bytes')))).toBe(messageId);
  });

  it.each(validMessages)('has a score that its size can have: $name', ({ bytes, score }) => {
    const scores = Array.from({ length: 30 }, (_, zeros) => scoreOf(zeros, bytes.length / 2));
    expect(scores).toContain(score);
  });

  it.each(validMessages.filter((vector) => vector.transactionId !== undefined))(
    'has its transaction id: $name',
    ({ bytes, transactionId }) => {
      const payloadBytes = payloadBytesOf(bytesFromHex(bytes, 'bytes'));
      expect(hexOf(transactionIdOf(payloadBytes))).toBe(transactionId);
    },
  );

  it.each(validMessages.filter((vector) => vector.milestoneId !== undefined))(
    'has its milestone id, of the essence that is signed: $name',
    ({ bytes, milestoneId, milestoneEssence, json }) => {
      const signatureBytes = 64 * (json.payload?.signatures?.length ?? 0);
      const payloadBytes = payloadBytesOf(bytesFromHex(bytes, 'bytes'));
      const essence = payloadBytes.subarray(4, -1 - signatureBytes);
      expect(hexOf(essence)).toBe(milestoneEssence);
      expect(hexOf(milestoneIdOf(essence))).toBe(milestoneId);
    },
  );
});

describe('a message that breaks a rule', () => {
  it('is there for every rule of the table, and a code for every rule of the file', () => {
    expect(invalidMessages.map(({ rule }) => rule).toSorted()).toEqual(
      Object.keys(codeOfRule).toSorted(),
    );
  });

  it.each(invalidMessages)('is refused: $rule', ({ rule, bytes }) => {
    expect(codeOf(() => decodeMessage(bytesFromHex(bytes, 'bytes')))).toBe(codeOfRule[rule]!);
  });
});
