// The proof-of-work kernel, written in AssemblyScript: TypeScript's syntax with WebAssembly's types
// (no objects, `usize` is an address). scripts/build-kernel.ts compiles it for src/pow/simd.ts.
//
// Read in this order: layout (what a trit is), s-box, rounds and two-rounds, then mine and verify;
// packed is the one hash alone. The arithmetic is proved in test/pow/simd.derivation.test.ts.
// Measured in batches of 128 nonces, Node 24, Zen 4: 17 us a batch, 7.4 million hashes a second.
//
// Mining and verifying do not disturb each other between calls, but `start` too fills `inputs`.
export { inputs } from './inputs.as';
export { lanes } from './layout.as';
export { batchCount, run, start, work } from './mine.as';
export { trailingZeros } from './packed.as';
export { results, verifyAll } from './verify.as';
