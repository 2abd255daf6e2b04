import { serializeMessage } from '@iota/iota.js';
import { WriteStream } from '@iota/util.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexOf } from '../../src/protocol/bytes.ts';
import { decodeDraft, decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import { messages, payloadKinds } from './arbitraries.ts';
import {
  aMessage,
  aMessageOfSize,
  aMilestone,
  anIndexation,
  codeOf,
  numbered,
  offsetOf,
  parents,
  patched,
} from './builders.ts';
import { jsonOf } from './json.ts';

describe.each(payloadKinds)('a message with payload "%s"', (kind) => {
  it('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(messages(kind), (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }),
    );
  });

  it('has the bytes that a client library gives it', () => {
    fc.assert(
      fc.property(messages(kind), (message) => {
        const bytes = encodeMessage(message);
        const stream = new WriteStream();
        serializeMessage(stream, jsonOf(message));
        expect(hexOf(bytes)).toBe(stream.finalHex());
      }),
      { numRuns: 50 },
    );
  });

  it('is decoded from a Buffer inside a larger one', () => {
    fc.assert(
      fc.property(messages(kind), (message) => {
        const bytes = encodeMessage(message);
        const larger = Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([4])]);
        expect(decodeMessage(larger.subarray(3, -1))).toEqual(message);
      }),
      { numRuns: 20 },
    );
  });

  it('refuses every shorter and every longer form of its bytes', () => {
    fc.assert(
      fc.property(messages(kind), fc.nat(), (message, pick) => {
        const bytes = encodeMessage(message);
        expect(codeOf(() => decodeMessage(bytes.slice(0, pick % bytes.length)))).toBeDefined();
        expect(codeOf(() => decodeMessage(Uint8Array.from([...bytes, 0])))).toBe('TRAILING_BYTES');
      }),
      { numRuns: 30 },
    );
  });
});

describe('the size of a message', () => {
  it('is at least 53 bytes', () => {
    const bytes = encodeMessage(aMessage());
    expect(bytes).toHaveLength(53);
    expect(codeOf(() => decodeMessage(bytes))).toBeUndefined();
    expect(codeOf(() => decodeMessage(bytes.slice(0, 52)))).toBe('MESSAGE_TOO_SHORT');
  });

  it('is at most 32768 bytes', () => {
    const bytes = encodeMessage(aMessageOfSize(32_768));
    expect(bytes).toHaveLength(32_768);
    expect(codeOf(() => decodeMessage(bytes))).toBeUndefined();
    expect(codeOf(() => encodeMessage(aMessageOfSize(32_769)))).toBe('MESSAGE_TOO_LARGE');
    const longer = Uint8Array.from([...bytes, 0]);
    const dataLength = 32_769 - 53 - 11;
    const dataLengthOffset = offsetOf.body + 3;
    new DataView(longer.buffer).setUint32(offsetOf.payloadLength, dataLength + 11, true);
    new DataView(longer.buffer).setUint32(dataLengthOffset, dataLength, true);
    expect(codeOf(() => decodeMessage(longer))).toBe('MESSAGE_TOO_LARGE');
  });

  it('may be what it is when a draft has no parents: 21 bytes', () => {
    const draft = draftOf(encodeMessage(aMessage()));
    expect(draft).toHaveLength(21);
    expect(decodeDraft(draft)).toEqual(aMessage({ parents: [] }));
    expect(codeOf(() => decodeDraft(draft.slice(0, 20)))).toBe('MESSAGE_TOO_SHORT');
  });
});

describe('the parents of a message', () => {
  it.each([
    [0, 'PARENTS_COUNT_INVALID'],
    [1, undefined],
    [8, undefined],
    [9, 'PARENTS_COUNT_INVALID'],
    // Would be 1 in the byte of the count.
    [257, 'PARENTS_COUNT_INVALID'],
  ] as const)('%i of them: %s', (count, code) => {
    const run = (): unknown => encodeMessage(aMessage({ parents: parents(count) }));
    expect(codeOf(run)).toBe(code);
  });

  it.each([0, 9, 255])('declared as %i of them are refused', (count) => {
    const bytes = encodeMessage(aMessageOfSize(1000));
    expect(codeOf(() => decodeMessage(patched(bytes, offsetOf.parentsCount, [count])))).toBe(
      'PARENTS_COUNT_INVALID',
    );
  });

  it('stand in ascending order, each once', () => {
    const [first, second] = [asMessageId(numbered(1)), asMessageId(numbered(2))];
    expect(codeOf(() => encodeMessage(aMessage({ parents: [second, first] })))).toBe(
      'PARENTS_NOT_SORTED',
    );
    expect(codeOf(() => encodeMessage(aMessage({ parents: [first, first] })))).toBe(
      'PARENTS_NOT_UNIQUE',
    );
  });

  it('that a draft may leave out are otherwise held to the same rules', () => {
    const bytes = encodeMessage(aMessage({ payload: anIndexation() }));
    expect(decodeDraft(draftOf(bytes)).parents).toEqual([]);
    expect(decodeDraft(bytes)).toEqual(decodeMessage(bytes));
    expect(codeOf(() => decodeMessage(draftOf(aLongMessage())))).toBe('PARENTS_COUNT_INVALID');
    const [first, second] = [numbered(1), numbered(2)];
    const swapped = encodeMessage(aMessage({ parents: parents(3) }));
    swapped.set([...second, ...first], offsetOf.parents + 32);
    expect(codeOf(() => decodeDraft(swapped))).toBe('PARENTS_NOT_SORTED');
  });

  it('cannot be left out of a draft with a milestone, which names them', () => {
    const bytes = encodeMessage(aMessage({ payload: aMilestone() }));
    expect(codeOf(() => decodeDraft(draftOf(bytes)))).toBe('MILESTONE_PARENTS_MISMATCH');
  });
});

describe('the payload of a message', () => {
  it.each([
    [3, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [4, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [5, 'PAYLOAD_TYPE_UNKNOWN'],
    [255, 'PAYLOAD_TYPE_UNKNOWN'],
  ] as const)('of type %i: %s', (type, code) => {
    expect(codeOf(() => decodeMessage(patched(aLongMessage(), offsetOf.payload, [type])))).toBe(
      code,
    );
  });

  it('fills exactly its length', () => {
    const bytes = aLongMessage();
    const length = bytes.length - 53;
    for (const declared of [1, 3, 4, length - 1, length + 1, length + 8]) {
      const other = patched(bytes, offsetOf.payloadLength, [declared & 0xff, declared >> 8]);
      expect(codeOf(() => decodeMessage(other))).toBe('PAYLOAD_LENGTH_MISMATCH');
    }
    const beyond = length + 9;
    const other = patched(bytes, offsetOf.payloadLength, [beyond & 0xff, beyond >> 8]);
    expect(codeOf(() => decodeMessage(other))).toBe('MESSAGE_TRUNCATED');
  });

  it('is not there when its length is 0, and then nothing follows but the nonce', () => {
    const bytes = patched(aLongMessage(), offsetOf.payloadLength, [0, 0]);
    expect(codeOf(() => decodeMessage(bytes))).toBe('TRAILING_BYTES');
  });
});

describe('the numbers of a message', () => {
  it.each(['networkId', 'nonce'] as const)('%s is a u64', (field) => {
    const highest = aMessage({ [field]: 2n ** 64n - 1n });
    expect(decodeMessage(encodeMessage(highest))).toEqual(highest);
    for (const value of [-1n, 2n ** 64n]) {
      expect(codeOf(() => encodeMessage(aMessage({ [field]: value })))).toBe('FIELD_OUT_OF_RANGE');
    }
  });
});

describe('memory', () => {
  it('of a decoded message is that of its bytes', () => {
    const bytes = aLongMessage();
    const { parents: ids, payload } = decodeMessage(bytes);
    const views = [...ids, ...(payload?.type === 2 ? [payload.index, payload.data] : [])];
    expect(views).toHaveLength(3);
    expect(views.every((view) => view.buffer === bytes.buffer)).toBe(true);
  });

  it('of encoded bytes is their own and no larger', () => {
    const first = encodeMessage(aMessage());
    const copy = Uint8Array.from(first);
    encodeMessage(aMessageOfSize(500));
    expect(first).toEqual(copy);
    expect(first.buffer.byteLength).toBe(53);
  });

  it('is left clean by a message that could not be written', () => {
    const before = encodeMessage(aMessage());
    expect(codeOf(() => encodeMessage(aMessageOfSize(40_000)))).toBe('MESSAGE_TOO_LARGE');
    expect(encodeMessage(aMessage())).toEqual(before);
  });
});

it('says at which byte a message breaks a rule', () => {
  const bytes = patched(aLongMessage(), offsetOf.payload, [9]);
  expect(() => decodeMessage(bytes)).toThrow(
    expect.objectContaining({ details: { offsetBytes: offsetOf.payload } }),
  );
});

function aLongMessage(): Uint8Array {
  return encodeMessage(aMessageOfSize(300));
}

/** The same message of one parent without it. */
function draftOf(bytes: Uint8Array): Uint8Array {
  const { parentsCount, parents: start, payloadLength } = offsetOf;
  return Uint8Array.from([
    ...bytes.subarray(0, parentsCount),
    0,
    ...bytes.subarray(payloadLength, start + 32 === payloadLength ? undefined : start),
  ]);
}
