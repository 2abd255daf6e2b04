// The rounds of Curl on bit-sliced states: a part of one, pairs of them, and the last eight.
//
// One round is s'[i] = T(s[364 i], s[364 i + 364]), all indexes modulo 729. This is the index walk of
// the specification written out: its step is +364 or -365, which is the same modulo 729, and every
// round begins it at 0 again, as 729 steps lead back there.
import { cellBytes, hashTrits, ping, pong, stateTrits } from './layout.as';
import { sBox } from './s-box.as';
import { twoRounds as twoNarrowRounds } from './two-rounds.as';
import { twoRounds as twoWideRounds } from './two-rounds-wide.as';

const step: i32 = 364;

/** `count` cells of the next state, from `first` on and round the end. */
export function partOfRound(from: usize, to: usize, first: i32, count: i32): void {
  const end = first + count;
  walk(from, to, first, min(end, stateTrits));
  if (end > stateTrits) walk(from, to, 0, end - stateTrits);
}

function walk(from: usize, to: usize, first: i32, end: i32): void {
  const middle = from + (step + 1) * cellBytes;
  const endOfCells = to + end * cellBytes;
  let a = from + ((step * first) % stateTrits) * cellBytes;
  for (let cell = to + first * cellBytes; cell < endOfCells; cell += cellBytes) {
    const b = a < middle ? a + step * cellBytes : a - (step + 1) * cellBytes;
    sBox(cell, a, b);
    a = b;
  }
}

/** The state after `count` pairs of rounds, which is `ping` or `pong`; `from` may be either. */
export function pairsOfRounds(from: usize, count: i32): usize {
  let state = from;
  for (; count > 0; count--) {
    const next = otherThan(state);
    if (WIDE) twoWideRounds(state, next);
    else twoNarrowRounds(state, next);
    state = next;
  }
  return state;
}

/**
 * The last eight rounds, but only what the last `trits` trits of the hash (at most 201) depend on:
 * 319 S-boxes instead of 5832 for nine trits. The trits stand at their places in the state that is
 * returned, the rest of which means nothing.
 *
 * Let trit i of the state after round r stand at place w = (-2)^(81 - r) * i. There a round is
 *   x[w] = T(x[w], x[w + (-2)^(81 - r)]):
 * it can be done in place, and the last eight reach only -128, 64, -32, 16, -8, 4, -2 and 1 places
 * away. What the end of the hash depends on is then one window without gaps, and it shrinks from
 * round to round to the trits wanted. Done whole, as pairs, these rounds would make a batch 9 % longer.
 */
export function lastEightRounds(from: usize, trits: i32): usize {
  const x = otherThan(from);
  const lowest = hashTrits - trits - (2 + 8 + 32);
  let low = x + lowest * cellBytes;
  let high = x + (hashTrits + (1 + 4 + 16 + 64)) * cellBytes;
  // Round 74 also brings the cells to their places: 1/256 = 430, and -128 places are 364 trits.
  let a = (430 * lowest) % stateTrits;
  for (let cell = low; cell < high; cell += cellBytes) {
    sBox(cell, from + a * cellBytes, from + wrapped(a + step) * cellBytes);
    a = wrapped(a + 430);
  }
  // Each in the order in which no cell is overwritten before it was read.
  for (let reach = 64; reach != 0; reach /= -2) {
    const distance = reach * cellBytes;
    if (reach > 0) {
      high -= distance;
      for (let cell = low; cell < high; cell += cellBytes) sBox(cell, cell, cell + distance);
    } else {
      low -= distance;
      for (let cell = high - cellBytes; cell >= low; cell -= cellBytes) {
        sBox(cell, cell, cell + distance);
      }
    }
  }
  return x;
}

function wrapped(index: i32): i32 {
  return index < stateTrits ? index : index - stateTrits;
}

function otherThan(state: usize): usize {
  return state == ping ? pong : ping;
}
