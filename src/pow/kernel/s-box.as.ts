// The S-box of Curl, c = T(a, b), in four operations on bits for all lanes of a vector at once:
//
//    T    b=-1  b=0  b=1        with 1 = low only, -1 = high only, 0 = both,
//   a=-1    1    1   -1           high(c) = low(a) ^ (high(a) & ~high(b))
//   a=0     0   -1    1           low(c)  = high(a) ^ (low(b) & high(c))
//   a=1    -1    0    0
//
// The usual coding of trits takes five, a NOT among them: a batch would take 18 % longer. An
// exhaustive search over all codings of a trit in two bits found no way with three.
import { planeBytes } from './layout.as';

export function highOf(aLow: v128, aHigh: v128, bHigh: v128): v128 {
  return v128.xor(aLow, v128.andnot(aHigh, bHigh));
}

/** Needs the high plane of the result first. */
export function lowOf(aHigh: v128, bLow: v128, high: v128): v128 {
  return v128.xor(aHigh, v128.and(bLow, high));
}

/** Writes T(a, b) to a cell of 128 lanes. */
export function put(to: usize, aLow: v128, aHigh: v128, bLow: v128, bHigh: v128): void {
  const high = highOf(aLow, aHigh, bHigh);
  v128.store(to, lowOf(aHigh, bLow, high));
  v128.store(to, high, planeBytes);
}

/** The same for 256 lanes; A are the lower ones. */
export function putWide(
  to: usize,
  aLowA: v128,
  aLowB: v128,
  aHighA: v128,
  aHighB: v128,
  bLowA: v128,
  bLowB: v128,
  bHighA: v128,
  bHighB: v128,
): void {
  const highA = highOf(aLowA, aHighA, bHighA);
  const highB = highOf(aLowB, aHighB, bHighB);
  const lowA = lowOf(aHighA, bLowA, highA);
  const lowB = lowOf(aHighB, bLowB, highB);
  v128.store(to, lowA);
  v128.store(to, lowB, 16);
  v128.store(to, highA, planeBytes);
  v128.store(to, highB, planeBytes + 16);
}

/** The cell `to` becomes T(cell a, cell b); `to` may be one of the two. */
export function sBox(to: usize, a: usize, b: usize): void {
  if (WIDE) {
    putWide(
      to,
      v128.load(a),
      v128.load(a, 16),
      v128.load(a, planeBytes),
      v128.load(a, planeBytes + 16),
      v128.load(b),
      v128.load(b, 16),
      v128.load(b, planeBytes),
      v128.load(b, planeBytes + 16),
    );
  } else {
    put(to, v128.load(a), v128.load(a, planeBytes), v128.load(b), v128.load(b, planeBytes));
  }
}
