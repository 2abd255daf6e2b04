import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { MilestonePayload } from '../../src/protocol/message.ts';
import {
  aMessage,
  aMilestone,
  aReceipt,
  codeOf,
  numbered,
  offsetOf,
  parents,
  patched,
  times,
} from './builders.ts';

const codeFor = (payload: MilestonePayload): ErrorCode | undefined =>
  codeOf(() => encodeMessage(aMessage({ parents: payload.parents, payload })));

/** Offsets in a message with one parent and a milestone with one key. */
const milestoneParents = offsetOf.body + 12;
const receiptLength = milestoneParents + 33 + 32 + 8 + 33;

describe('the parents of a milestone', () => {
  it.each([1, 8])('are those of the message (%i)', (count) => {
    expect(codeFor(aMilestone({ parents: parents(count) }))).toBeUndefined();
  });

  it('are no other, no fewer and no more', () => {
    const three = parents(3);
    for (const others of [three.slice(1), three.slice(0, 1), three]) {
      const message = aMessage({
        parents: three.slice(0, 2),
        payload: aMilestone({ parents: others }),
      });
      expect(codeOf(() => encodeMessage(message))).toBe('MILESTONE_PARENTS_MISMATCH');
    }
  });

  it.each([0, 9])('are counted as those of a message: %i refused', (count) => {
    const payload = aMilestone({ parents: parents(count) });
    expect(codeOf(() => encodeMessage(aMessage({ payload })))).toBe('PARENTS_COUNT_INVALID');
    const bytes = encodeMessage(aMessage({ payload: aMilestone() }));
    expect(codeOf(() => decodeMessage(patched(bytes, milestoneParents, [count])))).toBe(
      'PARENTS_COUNT_INVALID',
    );
  });
});

describe('the next score of a milestone with index 10', () => {
  it.each([
    [0, 0, undefined],
    [0, 11, 'MILESTONE_POW_INVALID'],
    [1, 0, 'MILESTONE_POW_INVALID'],
    [1, 10, 'MILESTONE_POW_INVALID'],
    [1, 11, undefined],
  ] as const)('%i at milestone %i: %s', (nextPowScore, nextPowScoreMilestoneIndex, code) => {
    expect(codeFor(aMilestone({ nextPowScore, nextPowScoreMilestoneIndex }))).toBe(code);
  });
});

describe('the keys and signatures of a milestone', () => {
  it.each([
    [0, 'MILESTONE_KEYS_INVALID'],
    [1, undefined],
    [255, undefined],
    [256, 'MILESTONE_KEYS_INVALID'],
  ] as const)('%i keys: %s', (count, code) => {
    expect(codeFor(aMilestone({ publicKeys: times(count, (at) => numbered(at)) }))).toBe(code);
  });

  it('have their keys in order, each once', () => {
    for (const publicKeys of [
      [numbered(1), numbered(0)],
      [numbered(0), numbered(0)],
    ]) {
      expect(codeFor(aMilestone({ publicKeys }))).toBe('MILESTONE_KEYS_INVALID');
    }
  });

  it.each([
    [1, 'MILESTONE_SIGNATURES_INVALID'],
    [2, undefined],
    [3, 'MILESTONE_SIGNATURES_INVALID'],
  ] as const)('%i signatures for two keys: %s', (count, code) => {
    const milestone = aMilestone({
      publicKeys: [numbered(0), numbered(1)],
      signatures: times(count, (at) => numbered(at, 64)),
    });
    expect(codeFor(milestone)).toBe(code);
  });

  it('are counted again when they are read', () => {
    const bytes = encodeMessage(aMessage({ payload: aMilestone() }));
    expect(codeOf(() => decodeMessage(patched(bytes, receiptLength - 33, [0])))).toBe(
      'MILESTONE_KEYS_INVALID',
    );
    expect(codeOf(() => decodeMessage(patched(bytes, receiptLength + 4, [2])))).toBe(
      'MILESTONE_SIGNATURES_INVALID',
    );
  });
});

describe('the payload inside a milestone', () => {
  const bytes = encodeMessage(aMessage({ payload: aMilestone({ receipt: aReceipt() }) }));

  it('may be a receipt', () => {
    expect(decodeMessage(bytes).payload).toEqual(aMilestone({ receipt: aReceipt() }));
  });

  it.each([
    [2, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [4, 'PAYLOAD_TYPE_NOT_ALLOWED'],
    [5, 'PAYLOAD_TYPE_UNKNOWN'],
  ] as const)('of type %i is refused: %s', (type, code) => {
    expect(codeOf(() => decodeMessage(patched(bytes, receiptLength + 4, [type])))).toBe(code);
  });
});
