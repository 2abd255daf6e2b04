// What the worker and the verifier ask of whatever does the hashing.

/** A digest (32 bytes) and the nonce (u64) that is claimed for it. */
export interface Work {
  readonly digest: Uint8Array;
  readonly nonce: bigint;
}

/** Searches nonces for one digest at a time, a bounded piece per call. */
export interface MiningKernel {
  /** Forgets the job before. Miners with different ids (u16) never try the same nonce. */
  start(digest: Uint8Array, workerId: number, zeros: number): void;
  /** Tries that many batches; a nonce whose hash ends in at least `zeros` zeros ends the job. */
  run(batches: number): bigint | undefined;
}

export interface VerifyKernel {
  /** Trailing zeros of the hash of each, exact, in order; any number of them. */
  verify(work: readonly Work[]): Uint8Array;
}
