// The numbers of Curl-P-81, what a bit-sliced trit looks like, and the memory that states live in.
// WIDE comes from the build (`--use WIDE=0` or `--use WIDE=1`) and is a constant to the compiler.

// So many messages, or nonces, are hashed at once: lane n is bit n of every plane.
export const lanes: i32 = WIDE ? 256 : 128;

// A cell holds one trit of every lane in two planes of bits, the low plane first:
//   trit 1 = low only, trit -1 = high only, trit 0 = both. Neither never occurs.
export const planeBytes: i32 = lanes / 8;
export const cellBytes: i32 = 2 * planeBytes;

// A state is 729 trits. The first 243 are the input, and after 81 rounds the hash.
export const stateTrits: i32 = 729;
export const hashTrits: i32 = 243;
export const stateBytes: i32 = stateTrits * cellBytes;

// The input is the digest of a message, then its nonce, six trits a byte; three zero trits follow.
export const digestBytes: i32 = 32;
export const nonceBytes: i32 = 8;
export const inputBytes: i32 = digestBytes + nonceBytes;
export const tritsPerByte: i32 = 6;

// Most rounds go from one of these states to the other.
export const ping: usize = memory.data(stateBytes, 64);
export const pong: usize = memory.data(stateBytes, 64);
