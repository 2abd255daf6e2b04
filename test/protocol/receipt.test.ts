import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { ReceiptPayload } from '../../src/protocol/message.ts';
import {
  aMessage,
  aMilestone,
  aReceipt,
  codeOf,
  offsetOf,
  patched,
  someFunds,
  times,
} from './builders.ts';

const encode = (receipt: ReceiptPayload): Uint8Array =>
  encodeMessage(aMessage({ payload: aMilestone({ receipt }) }));

/** Offsets in a message with one parent, a milestone with one key and a receipt with one entry. */
const receipt = offsetOf.body + 12 + 33 + 32 + 8 + 33 + 4;
const final = receipt + 4 + 4;
const fundsCount = final + 1;
const fundsAddressType = fundsCount + 2 + 49;
const treasuryLength = fundsAddressType + 1 + 32 + 8;
const treasuryInput = treasuryLength + 4 + 4;
const treasuryOutput = treasuryInput + 1 + 32;

describe('a receipt', () => {
  it.each([
    [0, 'RECEIPT_INVALID'],
    [1, undefined],
    [127, undefined],
    [128, 'RECEIPT_INVALID'],
  ] as const)('with %i entries: %s', (count, code) => {
    expect(codeOf(() => encode(aReceipt({ funds: times(count, someFunds) })))).toBe(code);
  });

  it('has its entries in order of their bytes, each once', () => {
    for (const funds of [
      [someFunds(1), someFunds(0)],
      [someFunds(0), someFunds(0)],
    ]) {
      expect(codeOf(() => encode(aReceipt({ funds })))).toBe('RECEIPT_INVALID');
    }
  });

  it('leaves deposits and repeated tail hashes to the ledger, as the Go node does', () => {
    const funds = [{ ...someFunds(0), deposit: 0n }, someFunds(0)];
    expect(codeOf(() => encode(aReceipt({ funds })))).toBeUndefined();
  });

  it.each([true, false])('may be final or not (%s)', (isFinal) => {
    const payload = aMilestone({ receipt: aReceipt({ final: isFinal }) });
    expect(decodeMessage(encodeMessage(aMessage({ payload }))).payload).toEqual(payload);
  });

  it.each([
    ['final flag', final, 2, 'RECEIPT_INVALID'],
    ['count of entries', fundsCount, 0, 'RECEIPT_INVALID'],
    ['address type', fundsAddressType, 1, 'ADDRESS_TYPE_UNKNOWN'],
    ['treasury payload type', treasuryLength + 4, 2, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    ['treasury payload type', treasuryLength + 4, 9, 'PAYLOAD_TYPE_UNKNOWN'],
    ['treasury input type', treasuryInput, 0, 'TREASURY_TRANSACTION_INVALID'],
    ['treasury output type', treasuryOutput, 0, 'TREASURY_TRANSACTION_INVALID'],
    ['length of the treasury payload', treasuryLength, 45, 'PAYLOAD_LENGTH_MISMATCH'],
    ['length of the treasury payload', treasuryLength, 47, 'PAYLOAD_LENGTH_MISMATCH'],
    ['absent treasury payload', treasuryLength, 0, 'RECEIPT_INVALID'],
  ] as const)('is refused for its %s', (...row) => {
    const [, offset, value, code] = row;
    expect(codeOf(() => decodeMessage(patched(encode(aReceipt()), offset, [value])))).toBe(code);
  });
});
