// From bytes to bit-sliced states: one input a lane.
import { cellBytes, inputBytes, lanes, planeBytes, stateTrits, tritsPerByte } from './layout.as';
import { spreadTrits } from './trits.as';

/** A digest and a nonce for each lane, one after the other. */
export const inputs: usize = memory.data(lanes * inputBytes, 16);

export function inputOf(lane: i32): usize {
  return inputs + lane * inputBytes;
}

/** The state `to` becomes the start of the hash of all inputs; about 5 us. */
export function sliceInputs(to: usize): void {
  for (let byte = 0; byte < inputBytes; byte++) {
    const cell = to + byte * tritsPerByte * cellBytes;
    for (let group = 0; group < planeBytes; group++) sliceEight(cell + group, byte, group * 8);
  }
  // Zero trits, both planes set.
  const inputTrits = inputBytes * tritsPerByte;
  memory.fill(to + inputTrits * cellBytes, 0xff, (stateTrits - inputTrits) * cellBytes);
}

/** Six trits of eight lanes: one byte of each of twelve planes. */
function sliceEight(to: usize, byte: i32, firstLane: i32): void {
  let bits = i64x2.splat(0);
  for (let n = 0; n < 8; n++) {
    const trits = spreadTrits(load<u8>(inputOf(firstLane + n) + byte));
    bits = v128.or(bits, i64x2.shl(trits, n));
  }
  let low = <u64>i64x2.extract_lane(bits, 0);
  let high = <u64>i64x2.extract_lane(bits, 1);
  for (let t = 0; t < tritsPerByte; t++, low >>= 8, high >>= 8) {
    store<u8>(to + t * cellBytes, low);
    store<u8>(to + t * cellBytes, high, planeBytes);
  }
}
