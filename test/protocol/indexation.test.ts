import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { aMessage, anIndexation, codeOf, offsetOf, patched } from './builders.ts';

describe('an indexation payload', () => {
  it.each([
    [0, 'INDEX_LENGTH_INVALID'],
    [1, undefined],
    [64, undefined],
    [65, 'INDEX_LENGTH_INVALID'],
    // Would be 1 in the two bytes of the length.
    [65_537, 'INDEX_LENGTH_INVALID'],
  ] as const)('with an index of %i bytes: %s', (sizeBytes, code) => {
    const payload = anIndexation({ index: new Uint8Array(sizeBytes) });
    expect(codeOf(() => encodeMessage(aMessage({ payload })))).toBe(code);
  });

  it.each([
    [0, 'INDEX_LENGTH_INVALID'],
    [65, 'INDEX_LENGTH_INVALID'],
    [0xffff, 'INDEX_LENGTH_INVALID'],
  ] as const)('with a declared index length of %i: %s', (length, code) => {
    const bytes = encodeMessage(aMessage({ payload: anIndexation({ data: new Uint8Array(99) }) }));
    expect(
      codeOf(() => decodeMessage(patched(bytes, offsetOf.body, [length & 0xff, length >> 8]))),
    ).toBe(code);
  });

  it('may have no data', () => {
    const bytes = encodeMessage(aMessage({ payload: anIndexation() }));
    expect(decodeMessage(bytes).payload).toEqual(anIndexation());
  });

  it.each([1, 3])('whose data length is not what is left is refused (%i of 2)', (dataLength) => {
    const bytes = encodeMessage(aMessage({ payload: anIndexation({ data: new Uint8Array(2) }) }));
    const dataLengthOffset = offsetOf.body + 3;
    expect(codeOf(() => decodeMessage(patched(bytes, dataLengthOffset, [dataLength])))).toBe(
      'PAYLOAD_LENGTH_MISMATCH',
    );
  });
});
