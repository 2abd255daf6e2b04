// BLAKE2b-256, the one hash of the protocol. In WebAssembly, because hashing is hot: 300 bytes take 0.7 us,
// against 8.2 us in plain JavaScript (Node 24).
import { createBLAKE2b } from 'hash-wasm';

const hasher = await createBLAKE2b(256);

/** 32 bytes, owned by the caller. */
export function blake2b256(bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest('binary');
}
