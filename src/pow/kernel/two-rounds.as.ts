// Two rounds of Curl in one pass over memory, for 128 lanes: nine tenths of a miner's time. With a
// pass for each round, the walk of rounds.as.ts, a batch would take 41 us instead of 17.
//
// One round is s'[i] = T(s[364 i], s[364 i + 364]), indexes modulo 729, and 364 = -1/2 there. Two of
// them are then
//   s''[i] = T(y[i], y[i + 1])   with   y[i] = T(z[i], z[i - 2])   and   z[i] = s[i / 4].
// To divide by 4 is no jumping about. As 1/4 = 547,
//   z[4k], z[4k + 1], z[4k + 2], z[4k + 3]   are   s[k], s[k + 547], s[k + 365], s[k + 183],
// and as 729 = 4 * 182 + 1 each of these four streams, and s'' itself, is walked in order and without
// wrapping. So there are no index tables, half the loads and stores, and few enough live vectors for
// the sixteen registers of a CPU.
import { cellBytes, planeBytes } from './layout.as';
import { highOf, lowOf, put } from './s-box.as';

function low(state: usize, index: i32): v128 {
  return v128.load(state + index * cellBytes);
}

function high(state: usize, index: i32): v128 {
  return v128.load(state + index * cellBytes, planeBytes);
}

/** The state `to` becomes the state `from` two rounds later. */
export function twoRounds(from: usize, to: usize): void {
  // From step to step: z[4k - 1], z[4k] and y[4k]. In the beginning z[-1] is z[728] = s[182].
  let beforeLow = low(from, 182);
  let beforeHigh = high(from, 182);
  let zLow = low(from, 0);
  let zHigh = high(from, 0);
  let yHigh = highOf(zLow, zHigh, high(from, 364));
  let yLow = lowOf(zHigh, low(from, 364), yHigh);
  const firstLow = yLow;
  const firstHigh = yHigh;

  // Two steps, k and k + 1, in each turn: 6 % faster than one, as the compiler need not move what
  // is carried between registers. Seven steps would gain 2 % more.
  const end = from + 182 * cellBytes;
  let out = to;
  for (let s = from; s < end; s += 2 * cellBytes) {
    const z1Low = low(s, 547);
    const z1High = high(s, 547);
    const y1High = highOf(z1Low, z1High, beforeHigh);
    const y1Low = lowOf(z1High, beforeLow, y1High);
    put(out, yLow, yHigh, y1Low, y1High);

    const z2Low = low(s, 365);
    const z2High = high(s, 365);
    const y2High = highOf(z2Low, z2High, zHigh);
    const y2Low = lowOf(z2High, zLow, y2High);
    put(out + cellBytes, y1Low, y1High, y2Low, y2High);

    const z3Low = low(s, 183);
    const z3High = high(s, 183);
    const y3High = highOf(z3Low, z3High, z1High);
    const y3Low = lowOf(z3High, z1Low, y3High);
    put(out + 2 * cellBytes, y2Low, y2High, y3Low, y3High);

    const z4Low = low(s, 1);
    const z4High = high(s, 1);
    const y4High = highOf(z4Low, z4High, z2High);
    const y4Low = lowOf(z4High, z2Low, y4High);
    put(out + 3 * cellBytes, y3Low, y3High, y4Low, y4High);

    const z5Low = low(s, 548);
    const z5High = high(s, 548);
    const y5High = highOf(z5Low, z5High, z3High);
    const y5Low = lowOf(z5High, z3Low, y5High);
    put(out + 4 * cellBytes, y4Low, y4High, y5Low, y5High);

    const z6Low = low(s, 366);
    const z6High = high(s, 366);
    const y6High = highOf(z6Low, z6High, z4High);
    const y6Low = lowOf(z6High, z4Low, y6High);
    put(out + 5 * cellBytes, y5Low, y5High, y6Low, y6High);

    beforeLow = low(s, 184);
    beforeHigh = high(s, 184);
    const y7High = highOf(beforeLow, beforeHigh, z5High);
    const y7Low = lowOf(beforeHigh, z5Low, y7High);
    put(out + 6 * cellBytes, y6Low, y6High, y7Low, y7High);

    zLow = low(s, 2);
    zHigh = high(s, 2);
    yHigh = highOf(zLow, zHigh, z6High);
    yLow = lowOf(zHigh, z6Low, yHigh);
    put(out + 7 * cellBytes, y7Low, y7High, yLow, yHigh);
    out += 8 * cellBytes;
  }
  put(out, yLow, yHigh, firstLow, firstHigh);
}
