// The rounds of Curl-P-81 on 32 inputs at once: bit k of every word belongs to input k, its lane.
// What goes into a state and what is read off it is the business of lanes.ts.
import { stateTrits } from './curl.ts';

/**
 * 32 states side by side. A trit is two bits: `hi` says that it is not 1, `lo` that it is not -1.
 * So 1 is (hi 0, lo 1), -1 is (1, 0), 0 is (1, 1), and (0, 0) never occurs.
 *
 * In this code the substitution S(a, b) of Curl is four operations and no negation of a trit:
 *   hi = a.lo ^ (a.hi & ~b.hi)
 *   lo = a.hi ^ (b.lo & hi)
 * JavaScript returns two words from a function only by allocating, so these two lines are written
 * out wherever S is used. Reads end in `?? 0` because the compiler knows no index ranges; V8 does
 * and drops it (measured: no difference).
 */
export interface Sliced {
  readonly hi: Int32Array;
  readonly lo: Int32Array;
}

/** Every trit of every lane zero. */
export function newSliced(): Sliced {
  return { hi: new Int32Array(stateTrits).fill(-1), lo: new Int32Array(stateTrits).fill(-1) };
}

/** A run of cells of a state; past cell 728 it goes on at cell 0. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/**
 * One round, for a run of cells only; the other cells of `to` keep what they hold.
 * As in curl.ts, to[i] = S(from[364 i], from[364 (i + 1)]), indexes modulo 729.
 */
export function round(from: Sliced, to: Sliced, { first, count }: Run): void {
  const { hi: fromHi, lo: fromLo } = from;
  const { hi: toHi, lo: toLo } = to;
  let source = (364 * first) % stateTrits;
  let aHi = fromHi[source] ?? 0;
  let aLo = fromLo[source] ?? 0;
  for (let index = first; index < first + count; index++) {
    source = source < 365 ? source + 364 : source - 365;
    const bHi = fromHi[source] ?? 0;
    const bLo = fromLo[source] ?? 0;
    const hi = aLo ^ (aHi & ~bHi);
    const cell = index < stateTrits ? index : index - stateTrits;
    toHi[cell] = hi;
    toLo[cell] = aHi ^ (bLo & hi);
    aHi = bHi;
    aLo = bLo;
  }
}

/**
 * The cells of the next state that depend on a run of cells: from[j] is read by to[-2j - 1] and
 * to[-2j], because 364 * -2 = 1 modulo 729. So a run of n cells from p on is read by 2n cells, a
 * run again, that begins at -2 (p + n - 1) - 1.
 */
export function readersOf({ first, count }: Run): Run {
  const start = 1 - 2 * (first + count);
  return { first: (start + 4 * stateTrits) % stateTrits, count: Math.min(2 * count, stateTrits) };
}

/** `2 * count` whole rounds from one state to another (or the same). */
export function doubleRounds(from: Sliced, to: Sliced, count: number): void {
  scratch.hi.set(from.hi);
  scratch.lo.set(from.lo);
  for (let done = 0; done < count; done++) scratch.doubleRound(done % 2);
  const start = (count % 2) * stateTrits;
  to.hi.set(scratch.hi.subarray(start, start + stateTrits));
  to.lo.set(scratch.lo.subarray(start, start + stateTrits));
}

/**
 * Two states and two rounds in one pass from one to the other, where nearly all time goes.
 *
 * Two rounds are w[i] = S(y[i], y[i + 1]) after y[i] = S(x[364 * 364 i], x[364 * 364 i + 364]),
 * where y stands in the order in which the second round walks. 364 is -1/2 modulo 729, so
 * 364 * 364 is 1/4 = 547 and, with z[i] = x[547 i], y[i] = S(z[i], z[i - 2]). Written by fours,
 *   z[4k] = x[k]   z[4k + 1] = x[k + 547]   z[4k + 2] = x[k + 365]   z[4k + 3] = x[k + 183]
 * and 729 = 4 * 182 + 1, so k = 0 to 181 (and z[728] = x[182]) covers all: four quarters of x read
 * straight through, w written straight through, y never stored, no table and no wrap.
 *
 * It is a closure made once, over arrays of its own, because V8 then treats both as constants:
 * their addresses go into the machine code and, with `from` and `to` of known range, all bounds
 * checks vanish. Arrays passed in as arguments take 1.5 to 1.8 times as long, and so do module-level
 * constants once a bundler has turned them into `var` (measured on Node 24.21).
 */
function makeScratch() {
  const hi = new Int32Array(2 * stateTrits);
  const lo = new Int32Array(2 * stateTrits);
  /** From the first half of the arrays to the second, or back when `half` is 1. */
  // oxlint-disable-next-line complexity -- it counts each `??`; the only branch is the loop
  function doubleRound(half: number): void {
    const from = half === 0 ? 0 : stateTrits;
    const to = stateTrits - from;
    let z2Hi = hi[from + 364] ?? 0; // z[-2] = z[727]
    let z2Lo = lo[from + 364] ?? 0;
    let z3Hi = hi[from + 182] ?? 0; // z[-1] = z[728]
    let z3Lo = lo[from + 182] ?? 0;
    const firstHi = (lo[from] ?? 0) ^ ((hi[from] ?? 0) & ~z2Hi); // y[0], which ends the circle too
    const firstLo = (hi[from] ?? 0) ^ (z2Lo & firstHi);
    let y0Hi = firstHi;
    let y0Lo = firstLo;
    for (let k = 0; k < 182; k++) {
      const z1Hi = hi[from + k + 547] ?? 0;
      const z1Lo = lo[from + k + 547] ?? 0;
      const y1Hi = z1Lo ^ (z1Hi & ~z3Hi);
      const y1Lo = z1Hi ^ (z3Lo & y1Hi);
      const w0Hi = y0Lo ^ (y0Hi & ~y1Hi);
      hi[to + 4 * k] = w0Hi;
      lo[to + 4 * k] = y0Hi ^ (y1Lo & w0Hi);

      const z0Hi = hi[from + k] ?? 0;
      const z0Lo = lo[from + k] ?? 0;
      z2Hi = hi[from + k + 365] ?? 0;
      z2Lo = lo[from + k + 365] ?? 0;
      const y2Hi = z2Lo ^ (z2Hi & ~z0Hi);
      const y2Lo = z2Hi ^ (z0Lo & y2Hi);
      const w1Hi = y1Lo ^ (y1Hi & ~y2Hi);
      hi[to + 4 * k + 1] = w1Hi;
      lo[to + 4 * k + 1] = y1Hi ^ (y2Lo & w1Hi);

      z3Hi = hi[from + k + 183] ?? 0;
      z3Lo = lo[from + k + 183] ?? 0;
      const y3Hi = z3Lo ^ (z3Hi & ~z1Hi);
      const y3Lo = z3Hi ^ (z1Lo & y3Hi);
      const w2Hi = y2Lo ^ (y2Hi & ~y3Hi);
      hi[to + 4 * k + 2] = w2Hi;
      lo[to + 4 * k + 2] = y2Hi ^ (y3Lo & w2Hi);

      const nextHi = hi[from + k + 1] ?? 0; // z[4k + 4]
      const nextLo = lo[from + k + 1] ?? 0;
      y0Hi = nextLo ^ (nextHi & ~z2Hi);
      y0Lo = nextHi ^ (z2Lo & y0Hi);
      const w3Hi = y3Lo ^ (y3Hi & ~y0Hi);
      hi[to + 4 * k + 3] = w3Hi;
      lo[to + 4 * k + 3] = y3Hi ^ (y0Lo & w3Hi);
    }
    const lastHi = y0Lo ^ (y0Hi & ~firstHi);
    hi[to + 728] = lastHi;
    lo[to + 728] = y0Hi ^ (firstLo & lastHi);
  }
  return { hi, lo, doubleRound };
}

const scratch = makeScratch();
