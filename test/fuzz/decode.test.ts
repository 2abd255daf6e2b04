// Hostile bytes. FUZZ_RUNS says how many of each kind; a failure prints the seed to run it again with.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { bytesFromHex, hexOf } from '../../src/protocol/bytes.ts';
import { decodeDraft, decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { Message } from '../../src/protocol/message.ts';
import { codeOf } from '../protocol/builders.ts';
import { messages } from '../protocol/arbitraries.ts';
import { mutations, position, setByte } from './mutations.ts';
import invalidMessages from '../vectors/messages-invalid.json' with { type: 'json' };
import validMessages from '../vectors/messages-valid.json' with { type: 'json' };

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 3000);
const seeds = [...validMessages, ...invalidMessages].map(({ bytes }) =>
  bytesFromHex(bytes, 'seed'),
);
const validSeeds = validMessages.map(({ bytes }) => bytesFromHex(bytes, 'seed'));

/** Undefined when the bytes are refused, which only a TangleError may do. */
function accepted(decode: typeof decodeMessage, bytes: Uint8Array): Message | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof TangleError) return undefined;
    throw error;
  }
}

/** Bytes are refused, or the one form of what they mean; a draft may differ only by having no parents. */
function verdictOf(bytes: Uint8Array): 'refused' | 'one form' | 'another form' | 'draft differs' {
  const message = accepted(decodeMessage, bytes);
  const draft = accepted(decodeDraft, bytes);
  if ((draft?.parents.length ?? 0) !== (message?.parents.length ?? 0)) return 'draft differs';
  if (message === undefined) return 'refused';
  return hexOf(encodeMessage(message)) === hexOf(bytes) ? 'one form' : 'another form';
}

const sound = ['refused', 'one form'];

describe('the decoder', () => {
  it('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600, size: 'max' }), (bytes) => {
        expect(sound).toContain(verdictOf(bytes));
      }),
      { numRuns },
    );
  });

  it('survives messages that others wrote, damaged', () => {
    const seed = fc.constantFrom(...seeds.filter(({ length }) => length <= 1000));
    fc.assert(
      fc.property(seed, mutations, (bytes, changes) => {
        expect(sound).toContain(
          verdictOf(changes.reduce((result, change) => change(result), bytes)),
        );
      }),
      { numRuns },
    );
  });

  it('survives generated messages of every kind, with one byte changed', () => {
    fc.assert(
      fc.property(messages(), setByte, (message, change) => {
        expect(sound).toContain(verdictOf(change(encodeMessage(message))));
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it('survives two messages cut together', () => {
    const piece = fc.tuple(fc.constantFrom(...validSeeds), position);
    fc.assert(
      fc.property(piece, piece, ([head, end], [tail, start]) => {
        const kept = [
          ...head.subarray(0, end % head.length),
          ...tail.subarray(start % tail.length),
        ];
        expect(sound).toContain(verdictOf(Uint8Array.from(kept)));
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it('accepts what it should: the mutations do not just break everything', () => {
    // The nonce is free: any change in it gives another valid message.
    const others = validSeeds.map((bytes) => Uint8Array.from([...bytes.subarray(0, -1), 0xee]));
    const verdicts = [...validSeeds, ...others].map(verdictOf);
    expect(new Set(verdicts)).toEqual(new Set(['one form']));
  });

  it('allocates nothing by a length of 4 GiB, wherever one is declared', () => {
    const before = process.memoryUsage().arrayBuffers;
    let mostBytes = 0;
    for (const bytes of validSeeds.filter(({ length }) => length <= 1000)) {
      const damaged = Uint8Array.from(bytes);
      for (let at = 0; at + 4 <= bytes.length; at++) {
        damaged.set([0xff, 0xff, 0xff, 0xff], at);
        codeOf(() => decodeMessage(damaged));
        damaged.set(bytes.subarray(at, at + 4), at);
        mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - before);
      }
    }
    expect(mostBytes).toBeLessThan(1 << 20);
  });
});
