import { describe, expect, it } from 'vitest';
import { indexKeyOf, wrongPayloadCode } from '../../src/protocol/message.ts';
import { aMessage, aMilestone, anIndexation, aTransaction } from './builders.ts';

describe('indexKeyOf', () => {
  const payload = anIndexation({ index: Uint8Array.of(5) });

  it('is the key of the indexation payload', () => {
    expect(indexKeyOf(aMessage({ payload }))).toEqual(Uint8Array.of(5));
  });

  it('is the key of the indexation inside a transaction (TIP-7)', () => {
    const message = aMessage({ payload: aTransaction({ payload }) });
    expect(indexKeyOf(message)).toEqual(Uint8Array.of(5));
  });

  it('is absent elsewhere', () => {
    for (const other of [undefined, aTransaction(), aMilestone()]) {
      expect(indexKeyOf(aMessage({ payload: other }))).toBeUndefined();
    }
  });
});

describe('wrongPayloadCode', () => {
  it('tells a payload in the wrong place from one that nobody knows', () => {
    expect([0, 1, 2, 3, 4].map(wrongPayloadCode)).toEqual(
      Array.from({ length: 5 }, () => 'PAYLOAD_TYPE_NOT_ALLOWED'),
    );
    expect(wrongPayloadCode(5)).toBe('PAYLOAD_TYPE_UNKNOWN');
  });
});
