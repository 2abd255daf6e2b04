// One hash alone: all 729 trits of a state side by side in the bits of two planes of twelve words.
//
// Let trit i of the state after round r stand at place w = 364^r * i modulo 729. There a round is
//   x[w] = T(x[w], x[w + 364^r]),
// the S-box of a plane and the same plane turned round: one turn by a known number of bits and four
// operations a word. To turn without a special case each plane is stored twice in a row; any 729 bits
// in a row of that are the plane, turned. In vectors of two words it is twice as fast as in words.
import { hashTrits, inputBytes, stateTrits } from './layout.as';
import { highOf, lowOf } from './s-box.as';
import { packedHigh, packedLow } from './trits.as';

const rounds: i32 = 81;
const wordsBytes: i32 = 12 * 8;
// 729 bits are eleven words and 25 bits. There, in the last word, the repetition begins.
const seamByte: i32 = 11 * 8;
const bitsBeforeSeam: i32 = 25;
const planeBytes: i32 = 2 * wordsBytes;

const even: usize = memory.data(2 * planeBytes, 16);
const odd: usize = memory.data(2 * planeBytes, 16);

/** The trailing zero trits of the hash of 40 bytes; about 2 us. */
export function trailingZeros(input: usize): i32 {
  let from = even;
  let to = odd;
  unpack(input, from);
  let turn = 1;
  for (let round = 0; round < rounds; round++) {
    turn = (turn * 364) % stateTrits;
    oneRound(from, to, turn);
    const swap = from;
    from = to;
    to = swap;
  }
  return countZeros(from);
}

function oneRound(from: usize, to: usize, turn: i32): void {
  const shift = turn & 63;
  const turned = from + (turn >> 6) * 8;
  let low = i64x2.splat(0);
  let high = low;
  for (let byte = 0; byte < wordsBytes; byte += 16) {
    const lowBefore = low;
    const highBefore = high;
    const aHigh = v128.load(from + byte, planeBytes);
    high = highOf(v128.load(from + byte), aHigh, bitsFrom(turned + byte + planeBytes, shift));
    low = lowOf(aHigh, bitsFrom(turned + byte, shift), high);
    v128.store(to + byte, low);
    v128.store(to + byte, high, planeBytes);
    v128.store(to + byte, moved(lowBefore, low), seamByte);
    v128.store(to + byte, moved(highBefore, high), seamByte + planeBytes);
  }
  closeSeam(to, i64x2.extract_lane(low, 1));
  closeSeam(to + planeBytes, i64x2.extract_lane(high, 1));
}

/** 128 bits, the first of which is bit `shift` of a word. Two shifts, as one by 64 is one by 0. */
function bitsFrom(word: usize, shift: i32): v128 {
  const rest = i64x2.shl(v128.load(word, 8), 1);
  return v128.or(i64x2.shr_u(v128.load(word), shift), i64x2.shl(rest, 63 - shift));
}

/** Two words as they stand in the repetition, which is 25 bits off the words. */
function moved(before: v128, words: v128): v128 {
  const wordBefore = v128.shuffle<u64>(before, words, 1, 2);
  return v128.or(i64x2.shr_u(wordBefore, 64 - bitsBeforeSeam), i64x2.shl(words, bitsBeforeSeam));
}

/** The word that is both the end of a plane and the beginning of its repetition. */
function closeSeam(plane: usize, lastWord: u64): void {
  const end = lastWord & ((1 << bitsBeforeSeam) - 1);
  store<u64>(plane, end | (load<u64>(plane) << bitsBeforeSeam), seamByte);
}

/** Before the first round a trit stands at its own place. What is not input is zero, both bits. */
function unpack(input: usize, state: usize): void {
  memory.fill(state, 0xff, 2 * planeBytes);
  // Eight bytes are 48 trits, which are six bytes of a plane.
  let to = state;
  for (let byte = 0; byte < inputBytes; byte += 8, to += 6) {
    let low: u64 = 0xffff;
    let high: u64 = 0xffff;
    for (let n = 7; n >= 0; n--) {
      const value = load<u8>(input + byte + n);
      low = (low << 6) | packedLow(value);
      high = (high << 6) | packedHigh(value);
    }
    store<u64>(to, low);
    store<u64>(to, high, planeBytes);
  }
  repeat(state);
  repeat(state + planeBytes);
}

/** Before the seam stand zero trits, so the end of the plane is known from the beginning. */
function repeat(plane: usize): void {
  let before = i64x2.splat(-1);
  for (let byte = 0; byte < wordsBytes; byte += 16) {
    const words = v128.load(plane + byte);
    v128.store(plane + byte, moved(before, words), seamByte);
    before = words;
  }
}

/** After the last round trit i of the hash stands at place 364^81 * i = 244 i. */
function countZeros(state: usize): i32 {
  for (let zeros = 0; zeros < hashTrits; zeros++) {
    const place = (244 * (hashTrits - 1 - zeros)) % stateTrits;
    const byte = state + (place >> 3);
    const isZero = (load<u8>(byte) & load<u8>(byte, planeBytes)) >> u8(place & 7);
    if (!(isZero & 1)) return zeros;
  }
  return hashTrits;
}
