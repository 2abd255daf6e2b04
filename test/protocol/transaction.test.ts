import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { tokenSupply } from '../../src/protocol/message.ts';
import type { TransactionPayload } from '../../src/protocol/message.ts';
import {
  aMessage,
  anIndexation,
  anInput,
  anOutput,
  aSignature,
  aTransaction,
  codeOf,
  numbered,
  offsetOf,
  patched,
  times,
} from './builders.ts';

const encode = (payload: TransactionPayload): Uint8Array => encodeMessage(aMessage({ payload }));
const codeFor = (payload: TransactionPayload): ErrorCode | undefined =>
  codeOf(() => encode(payload));

/** Offsets in a message with one parent, one input and one output. */
const essence = offsetOf.body;
const input = essence + 3;
const output = input + 35 + 2;
const nestedLength = output + 42;
const unlockCount = nestedLength + 4;
const unlock = unlockCount + 2;

describe('the counts of a transaction', () => {
  it.each([
    [0, 'INPUTS_COUNT_INVALID'],
    [1, undefined],
    [127, undefined],
    [128, 'INPUTS_COUNT_INVALID'],
    [65_537, 'INPUTS_COUNT_INVALID'],
  ] as const)('%i inputs: %s', (count, code) => {
    const inputs = times(count, anInput);
    const unlockBlocks = times(Math.min(count, 127), aSignature);
    expect(codeFor(aTransaction({ inputs, unlockBlocks }))).toBe(code);
  });

  it.each([
    [0, 'OUTPUTS_COUNT_INVALID'],
    [1, undefined],
    [127, undefined],
    [128, 'OUTPUTS_COUNT_INVALID'],
  ] as const)('%i outputs: %s', (count, code) => {
    expect(codeFor(aTransaction({ outputs: times(count, (at) => anOutput(at)) }))).toBe(code);
  });

  it.each([
    [1, 'UNLOCK_BLOCKS_COUNT_INVALID'],
    [2, undefined],
    [3, 'UNLOCK_BLOCKS_COUNT_INVALID'],
  ] as const)('%i unlock blocks for two inputs: %s', (count, code) => {
    const transaction = aTransaction({
      inputs: [anInput(0), anInput(1)],
      unlockBlocks: times(count, aSignature),
    });
    expect(codeFor(transaction)).toBe(code);
  });

  it.each([
    [essence + 1, 0, 'INPUTS_COUNT_INVALID'],
    [essence + 1, 128, 'INPUTS_COUNT_INVALID'],
    [output - 2, 0, 'OUTPUTS_COUNT_INVALID'],
    [output - 2, 128, 'OUTPUTS_COUNT_INVALID'],
    [unlockCount, 0, 'UNLOCK_BLOCKS_COUNT_INVALID'],
    [unlockCount, 2, 'UNLOCK_BLOCKS_COUNT_INVALID'],
  ] as const)('the count at byte %i is refused as %i: %s', (offset, count, code) => {
    expect(codeOf(() => decodeMessage(patched(encode(aTransaction()), offset, [count])))).toBe(
      code,
    );
  });
});

describe('the types in a transaction', () => {
  it.each([
    ['essence', essence, 'ESSENCE_TYPE_UNKNOWN'],
    ['input', input, 'INPUT_TYPE_UNKNOWN'],
    ['address', output + 1, 'ADDRESS_TYPE_UNKNOWN'],
    ['signature', unlock + 1, 'SIGNATURE_TYPE_UNKNOWN'],
  ] as const)('of the %s has one value', (_, offset, code) => {
    expect(codeOf(() => decodeMessage(patched(encode(aTransaction()), offset, [1])))).toBe(code);
  });

  it.each([
    ['output', output, 'OUTPUT_TYPE_UNKNOWN'],
    ['unlock block', unlock, 'UNLOCK_BLOCK_TYPE_UNKNOWN'],
  ] as const)('of the %s has two values', (_, offset, code) => {
    expect(codeOf(() => decodeMessage(patched(encode(aTransaction()), offset, [2])))).toBe(code);
  });
});

describe('inputs', () => {
  it.each([
    [0, undefined],
    [126, undefined],
    [127, 'INPUT_OUTPUT_INDEX_INVALID'],
    [65_535, 'INPUT_OUTPUT_INDEX_INVALID'],
    [65_536, 'FIELD_OUT_OF_RANGE'],
  ] as const)('refer to output %i: %s', (outputIndex, code) => {
    expect(codeFor(aTransaction({ inputs: [{ ...anInput(0), outputIndex }] }))).toBe(code);
  });

  it('stand in the order of their bytes, each once', () => {
    const [first, second] = [anInput(0), anInput(1)];
    expect(codeFor(aTransaction({ inputs: [second, first] }))).toBe('INPUTS_NOT_SORTED');
    expect(codeFor(aTransaction({ inputs: [first, first] }))).toBe('INPUTS_NOT_UNIQUE');
  });

  it('of one transaction are ordered by output index', () => {
    const [first, second] = [anInput(0), { ...anInput(0), outputIndex: 1 }];
    expect(codeFor(aTransaction({ inputs: [first, second] }))).toBeUndefined();
    expect(codeFor(aTransaction({ inputs: [second, first] }))).toBe('INPUTS_NOT_SORTED');
  });
});

describe('outputs', () => {
  it.each([
    [0, 0n, 'OUTPUT_AMOUNT_INVALID'],
    [0, 1n, undefined],
    [0, tokenSupply, undefined],
    [0, tokenSupply + 1n, 'OUTPUT_AMOUNT_INVALID'],
    [1, 999_999n, 'OUTPUT_AMOUNT_INVALID'],
    [1, 1_000_000n, undefined],
    [0, 2n ** 64n - 1n, 'OUTPUT_AMOUNT_INVALID'],
    [0, 2n ** 64n, 'FIELD_OUT_OF_RANGE'],
    [0, -1n, 'FIELD_OUT_OF_RANGE'],
  ] as const)('of type %i with amount %i: %s', (type, amount, code) => {
    expect(codeFor(aTransaction({ outputs: [anOutput(0, { type, amount })] }))).toBe(code);
  });

  it.each([
    [tokenSupply - 1n, undefined],
    [tokenSupply, 'OUTPUTS_SUM_INVALID'],
  ] as const)('of %i and 1 token together: %s', (amount, code) => {
    const outputs = [anOutput(0, { amount }), anOutput(1)];
    expect(codeFor(aTransaction({ outputs }))).toBe(code);
  });

  it('stand in the order of their bytes, an address once for a type', () => {
    const allowance = anOutput(0, { type: 1, amount: 1_000_000n });
    const codes = [
      [anOutput(0), anOutput(1)],
      [anOutput(1), anOutput(0)],
      [anOutput(0), anOutput(0)],
      [anOutput(0), anOutput(0, { amount: 2n })],
      [anOutput(0, { amount: 2n }), anOutput(0)],
      [anOutput(0), allowance],
      [allowance, anOutput(0)],
      [allowance, allowance],
    ].map((outputs) => codeFor(aTransaction({ outputs })));
    expect(codes).toEqual([
      undefined,
      'OUTPUTS_NOT_SORTED',
      'OUTPUT_ADDRESS_NOT_UNIQUE',
      'OUTPUT_ADDRESS_NOT_UNIQUE',
      'OUTPUT_ADDRESS_NOT_UNIQUE',
      undefined,
      'OUTPUTS_NOT_SORTED',
      'OUTPUT_ADDRESS_NOT_UNIQUE',
    ]);
  });
});

describe('the payload inside a transaction', () => {
  it('may be an indexation', () => {
    const payload = aTransaction({ payload: anIndexation() });
    expect(decodeMessage(encode(payload)).payload).toEqual(payload);
  });

  it.each([
    [0, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [1, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [3, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [5, 'PAYLOAD_TYPE_UNKNOWN'],
  ] as const)('of type %i is refused: %s', (type, code) => {
    const bytes = encode(aTransaction({ payload: anIndexation() }));
    expect(codeOf(() => decodeMessage(patched(bytes, nestedLength + 4, [type])))).toBe(code);
  });

  it('cannot be longer than the transaction', () => {
    const bytes = encode(aTransaction());
    expect(
      codeOf(() => decodeMessage(patched(bytes, nestedLength, [0xff, 0xff, 0xff, 0xff]))),
    ).toBe('PAYLOAD_LENGTH_MISMATCH');
  });
});

const refer = (reference: number) => ({ type: 1, reference }) as const;
const codeWith = (...unlockBlocks: TransactionPayload['unlockBlocks']): ErrorCode | undefined =>
  codeFor(aTransaction({ inputs: times(unlockBlocks.length, anInput), unlockBlocks }));

describe('unlock blocks', () => {
  it('may refer to an earlier signature', () => {
    expect(codeWith(aSignature(0), aSignature(1), refer(1), refer(0))).toBeUndefined();
  });

  it.each([
    ['to itself', [refer(0)]],
    ['to a later signature', [aSignature(0), refer(2), aSignature(1)]],
    ['to another reference', [aSignature(0), refer(0), refer(1)]],
    ['to nothing', [aSignature(0), refer(127)]],
  ])('refer %s: refused', (_, blocks) => {
    expect(codeWith(...blocks)).toBe('REFERENCE_INVALID');
  });

  it('hold the same signature once, but a key as often as it signs', () => {
    const signature = aSignature(0);
    expect(codeWith(signature, signature)).toBe('UNLOCK_BLOCK_NOT_UNIQUE');
    expect(codeWith(signature, { ...signature, signature: numbered(1, 64) })).toBeUndefined();
  });
});
