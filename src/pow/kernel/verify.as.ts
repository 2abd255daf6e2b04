// The trailing zero trits of as many hashes as there are lanes; 27 us, however few are in use.
import { inputOf, sliceInputs } from './inputs.as';
import { cellBytes, hashTrits, lanes, ping, planeBytes, pong, stateTrits } from './layout.as';
import { trailingZeros } from './packed.as';
import { lastEightRounds, pairsOfRounds, partOfRound } from './rounds.as';

/** The number of zeros of each lane, a byte each. */
export const results: usize = memory.data(lanes);

// More zeros than this are 12 days of work for one core, and for nothing; a lane that has them is
// hashed again alone.
const window: i32 = 27;

/** Hashes all inputs; what stands in lanes that are not in use does not matter. */
export function verifyAll(): void {
  sliceInputs(pong);
  partOfRound(pong, ping, 0, stateTrits);
  const hashes = lastEightRounds(pairsOfRounds(ping, 36), window);
  for (let firstLane = 0; firstLane < lanes; firstLane += 64) countZeros(hashes, firstLane);
}

/** 64 lanes. `alive` are those whose trits were all zero so far, from the last one on. */
function countZeros(hashes: usize, firstLane: i32): void {
  let alive = ~(<u64>0);
  for (let zeros = 0; zeros < window; zeros++) {
    const still = alive & zeroLanes(hashes, hashTrits - 1 - zeros, firstLane);
    for (let ended = alive & ~still; ended != 0; ended &= ended - 1) {
      store<u8>(results + firstLane + i32(ctz(ended)), zeros);
    }
    alive = still;
  }
  for (; alive != 0; alive &= alive - 1) {
    const lane = firstLane + i32(ctz(alive));
    store<u8>(results + lane, trailingZeros(inputOf(lane)));
  }
}

/** One bit for each of 64 lanes: whether the trit is zero there. */
export function zeroLanes(state: usize, trit: i32, firstLane: i32): u64 {
  const word = state + trit * cellBytes + (firstLane >> 3);
  return load<u64>(word) & load<u64>(word, planeBytes);
}
