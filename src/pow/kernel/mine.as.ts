// Looks for a nonce: a batch is one nonce for each lane, and from batch to batch one trit changes.
//
// A nonce is eight bytes, and each byte is six trits of the input:
//   byte 0          the lane, from -lanes / 2 on: written once, never changed
//   bytes 1 to 5    a counter of 25 trits, the five low ones of each byte (values -121 to 121)
//   bytes 6 and 7   the id of the worker, so that no two workers try the same nonce
//
// The counter is a reflected Gray code: to count is to change one trit, for all lanes alike. A round
// is s'[i] = T(s[364 i], s[364 i + 364]), so trit q of a state is read by two neighbours of the next,
//   i = -2q       as 364 i = q, and
//   i = -2q - 1   as 364 i + 364 = q,
// and n neighbours from p on by the 2n from -2 (p + n) + 1 on. So the first nine rounds, kept from
// batch to batch, cost 2 + 4 + ... + 512 = 1022 S-boxes instead of 6561; without that a batch would
// take 6 % longer. The window of the last eight rounds included (rounds.as.ts), a batch is 47 997
// S-boxes instead of 59 049.
import { inputOf, sliceInputs } from './inputs.as';
import {
  cellBytes,
  digestBytes,
  hashTrits,
  inputBytes,
  lanes,
  planeBytes,
  stateBytes,
  stateTrits,
  tritsPerByte,
} from './layout.as';
import { trailingZeros } from './packed.as';
import { lastEightRounds, pairsOfRounds, partOfRound } from './rounds.as';
import { zeroLanes } from './verify.as';

// Rounds 1 to 9 are kept, 10 to 73 are 32 pairs, 74 to 81 are the window.
const keptRounds: i32 = 9;
const pairs: i32 = 32;
// Nine trits of the hash are computed. Of 128 lanes with nine zeros there is one in 150 batches,
// and that one is hashed again alone. More trits would cost each batch more than that saves.
const window: i32 = 9;

const tritsPerDigit: i32 = 5;
const counterTrits: i32 = 25;

/** Digest and nonce of the work at hand; bytes 1 to 5 of the nonce are the counter. */
export const work: usize = memory.data(inputBytes, 8);
const nonce: usize = work + digestBytes;
// The state before round 1 and after each of the rounds kept.
const states: usize = memory.data((keptRounds + 1) * stateBytes, 64);
// Each trit of the counter, and what it changes by next time.
const trits: usize = memory.data(counterTrits);
const directions: usize = memory.data(counterTrits);
/** How often the counter has changed. Exported for tests, which cannot wait for its high trits. */
export let batchCount: u64 = 0;
let zerosWanted: i32 = 0;

/** Begins with the digest that stands in `work`. */
export function start(workerId: i32, zeros: i32): void {
  zerosWanted = zeros;
  batchCount = 0;
  memory.fill(trits, <u8>-1, counterTrits);
  memory.fill(directions, 1, counterTrits);
  memory.fill(nonce + 1, <u8>-121, counterTrits / tritsPerDigit);
  store<u16>(nonce, workerId, 6);
  for (let lane = 0; lane < lanes; lane++) {
    memory.copy(inputOf(lane), work, inputBytes);
    store<u8>(inputOf(lane) + digestBytes, firstByteOf(lane));
  }
  sliceInputs(states);
  for (let round = 0; round < keptRounds; round++) {
    partOfRound(stateAfter(round), stateAfter(round + 1), 0, stateTrits);
  }
}

/**
 * Tries so many batches. True: the nonce is in `work`, and trying again finds the same.
 * 3^25 batches are 150 days of one core for one message; after them it traps.
 */
export function run(batches: i32): bool {
  for (; batches > 0; batches--) {
    if (tryBatch()) return true;
    count();
  }
  return false;
}

function tryBatch(): bool {
  const hashes = lastEightRounds(pairsOfRounds(stateAfter(keptRounds), pairs), window);
  for (let firstLane = 0; firstLane < lanes; firstLane += 64) {
    let hits = ~(<u64>0);
    for (let zeros = 0; zeros < min(zerosWanted, window) && hits != 0; zeros++) {
      hits &= zeroLanes(hashes, hashTrits - 1 - zeros, firstLane);
    }
    for (; hits != 0; hits &= hits - 1) {
      store<u8>(nonce, firstByteOf(firstLane + i32(ctz(hits))));
      if (trailingZeros(work) >= zerosWanted) return true;
    }
  }
  return false;
}

/** Changes one trit of the counter, and all that depends on it in the states kept. */
function count(): void {
  // The nth trit changes at every 3^n th step, to and fro between -1 and 1.
  let n = 0;
  for (let rest = ++batchCount; rest % 3 == 0; rest /= 3) n++;
  if (n == counterTrits) unreachable();
  const direction = load<i8>(directions + n);
  const trit = load<i8>(trits + n) + direction;
  store<i8>(trits + n, trit);
  if (trit != 0) store<i8>(directions + n, -direction);

  const byte = 1 + n / tritsPerDigit;
  const digit = n % tritsPerDigit;
  let weight = direction;
  for (let t = 0; t < digit; t++) weight *= 3;
  store<i8>(nonce + byte, load<i8>(nonce + byte) + weight);
  changeTrit((digestBytes + byte) * tritsPerByte + digit, trit);
}

function changeTrit(place: i32, trit: i8): void {
  const low: i64 = trit == -1 ? 0 : -1;
  const high: i64 = trit == 1 ? 0 : -1;
  const cell = states + place * cellBytes;
  for (let byte = 0; byte < planeBytes; byte += 8) {
    store<i64>(cell + byte, low);
    store<i64>(cell + byte, high, planeBytes);
  }
  let first = place;
  let changed = 1;
  for (let round = 0; round < keptRounds; round++) {
    first = (4 * stateTrits - 2 * (first + changed) + 1) % stateTrits;
    changed *= 2;
    partOfRound(stateAfter(round), stateAfter(round + 1), first, changed);
  }
}

function stateAfter(round: i32): usize {
  return states + round * stateBytes;
}

function firstByteOf(lane: i32): u8 {
  return <u8>(lane - lanes / 2);
}
