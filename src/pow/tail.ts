// The last eight rounds, for the last nine trits of the hash only: 319 substitutions, not 5832.
import { hashTrits, roundCount, stateTrits } from './curl.ts';
import { newSliced, type Sliced } from './rounds.ts';

/** The last trits of the hash that the tail computes. */
export const tailTrits = 9;

/** The tail continues a state after this many rounds. */
export const tailStart = roundCount - 8;

/**
 * Where the cells stand. A round is to[i] = S(from[364 i], from[364 i + 364]) modulo 729. Keep
 * cell e of the state k rounds before the end at place (-2)^k e. Then from[364 i] stands where
 * to[i] will, as -2 * 364 = 1, and from[364 i + 364] stands (-2)^k * 364 = (-2)^(k - 1) further:
 * the round is place[p] = S(place[p], place[p + offset]) with a fixed offset for all p. Read
 * backwards from the nine wanted places, 234 to 242, the places needed stay one window each time.
 */
const steps = [
  { offset: -128, first: 192, end: 328 },
  { offset: 64, first: 192, end: 264 },
  { offset: -32, first: 224, end: 264 },
  { offset: 16, first: 224, end: 248 },
  { offset: -8, first: 232, end: 248 },
  { offset: 4, first: 232, end: 244 },
  { offset: -2, first: 234, end: 244 },
  { offset: 1, first: 234, end: 243 },
] as const;

type Step = (typeof steps)[number];

/** The window that the first step reads, and the cell at place p: p / (-2)^8 = 430 p modulo 729. */
const firstPlace = 64;
const endPlace = 328;
const cellPerPlace = 430;

const places: [Sliced, Sliced] = [newSliced(), newSliced()];

/** The lanes (bits) whose hash ends in `zeros` zero trits, of which at most nine are looked at. */
export function lanesWithZeros(state: Sliced, zeros: number): number {
  let [from, to] = places;
  gather(state, from);
  for (const step of steps) {
    windowRound(from, to, step);
    [from, to] = [to, from];
  }
  let lanes = -1;
  for (let place = hashTrits - Math.min(zeros, tailTrits); place < hashTrits; place++) {
    lanes &= (from.hi[place] ?? 0) & (from.lo[place] ?? 0);
  }
  return lanes;
}

function gather({ hi, lo }: Sliced, to: Sliced): void {
  const { hi: toHi, lo: toLo } = to;
  for (let place = firstPlace; place < endPlace; place++) {
    const cell = (cellPerPlace * place) % stateTrits;
    toHi[place] = hi[cell] ?? 0;
    toLo[place] = lo[cell] ?? 0;
  }
}

function windowRound(from: Sliced, to: Sliced, { offset, first, end }: Step): void {
  const { hi: fromHi, lo: fromLo } = from;
  const { hi: toHi, lo: toLo } = to;
  for (let place = first; place < end; place++) {
    const aHi = fromHi[place] ?? 0;
    const bHi = fromHi[place + offset] ?? 0;
    const bLo = fromLo[place + offset] ?? 0;
    const hi = (fromLo[place] ?? 0) ^ (aHi & ~bHi);
    toHi[place] = hi;
    toLo[place] = aHi ^ (bLo & hi);
  }
}
