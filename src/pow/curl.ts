// Proof of work the plain way (TIP-12): one input, trit by trit, as the specification tells it.
// Slow (110 us a hash) and simple on purpose: it is what every faster kernel is checked against.
import assert from 'node:assert/strict';

export const stateTrits = 729;
export const hashTrits = 243;
export const roundCount = 81;

const tritsPerByte = 6;

/** S(a, b) stands at a + 3 b + 4; rows b = -1, 0, 1, columns a = -1, 0, 1. */
const substitution = Int8Array.of(1, 0, -1, 1, -1, 0, -1, 1, 0);

/**
 * The 243 trits that are hashed: b1t6 of the 32-byte digest, b1t6 of the nonce as 8 little-endian
 * bytes, three zeros.
 */
export function powInput(digest: Uint8Array, nonce: bigint): Int8Array {
  assert.equal(digest.length, 32);
  const bytes = new Uint8Array(40);
  bytes.set(digest);
  new DataView(bytes.buffer).setBigUint64(32, nonce, true);
  const trits = new Int8Array(hashTrits);
  bytes.forEach((byte, index) => writeB1t6(byte, trits, index * tritsPerByte));
  return trits;
}

/** Trailing zero trits, 0 to 243, of the Curl-P-81 hash of a digest and a nonce (u64). */
export function trailingZeros(digest: Uint8Array, nonce: bigint): number {
  const hash = curlHash(powInput(digest, nonce));
  return hashTrits - 1 - hash.findLastIndex((trit) => trit !== 0);
}

/** b1t6: a byte is a signed 8-bit integer, written as 6 balanced trits, least significant first. */
function writeB1t6(byte: number, out: Int8Array, start: number): void {
  let rest = (byte << 24) >> 24;
  for (let index = start; index < start + tritsPerByte; index++) {
    const trit = ((rest + 364) % 3) - 1; // 364 is 1 modulo 3 and leaves no byte negative
    out[index] = trit;
    rest = (rest - trit) / 3;
  }
}

function curlHash(input: Int8Array): Int8Array {
  let from = new Int8Array(stateTrits);
  let to = new Int8Array(stateTrits);
  from.set(input);
  for (let round = 0; round < roundCount; round++) {
    curlRound(from, to);
    [from, to] = [to, from];
  }
  return from.subarray(0, hashTrits);
}

/** 729 steps of 364 come back to where they began, so every round starts its walk at cell 0. */
function curlRound(from: Int8Array, to: Int8Array): void {
  let cell = 0;
  let a = from[cell] ?? 0;
  for (let index = 0; index < stateTrits; index++) {
    cell = cell < 365 ? cell + 364 : cell - 365;
    const b = from[cell] ?? 0;
    to[index] = substitution[a + 3 * b + 4] ?? 0;
    a = b;
  }
}
