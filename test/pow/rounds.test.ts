import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleRounds, newSliced, readersOf, round, type Sliced } from '../../src/pow/rounds.ts';

const whole = { first: 0, count: 729 };
const words = fc.int32Array({ minLength: 729, maxLength: 729 });

/** Any words make a state, except that no trit is (0, 0). */
const aState = fc.tuple(words, words).map(([hi, lo]): Sliced => ({
  hi: hi.map((word, cell) => word | ~lo[cell]!),
  lo,
}));

const copyOf = ({ hi, lo }: Sliced): Sliced => ({ hi: hi.slice(), lo: lo.slice() });

describe('the rounds over 32 lanes', () => {
  it('are the same two at a time as one by one', () => {
    fc.assert(
      fc.property(aState, fc.integer({ min: 0, max: 3 }), (state, count) => {
        const twoByTwo = newSliced();
        doubleRounds(state, twoByTwo, count);
        let [from, to] = [copyOf(state), newSliced()];
        for (let done = 0; done < 2 * count; done++) {
          round(from, to, whole);
          [from, to] = [to, from];
        }
        expect(twoByTwo).toEqual(from);
      }),
      { numRuns: 20 },
    );
  });

  it('follow a change of some cells by computing only the cells that read them', () => {
    fc.assert(
      fc.property(
        aState,
        fc.record({ first: fc.nat({ max: 728 }), count: fc.integer({ min: 1, max: 729 }) }),
        (state, run) => {
          const after = newSliced();
          round(state, after, whole);
          for (let index = run.first; index < run.first + run.count; index++) {
            state.hi[index % 729] = ~state.lo[index % 729]!;
          }
          round(state, after, readersOf(run));
          const expected = newSliced();
          round(state, expected, whole);
          expect(after).toEqual(expected);
        },
      ),
      { numRuns: 20 },
    );
  });
});
