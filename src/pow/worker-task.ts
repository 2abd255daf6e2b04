// What the node and a mining thread tell each other.
import type { MinerKernel } from './choose.ts';

/** What a thread gets when it starts. */
export interface MinerData {
  readonly kernel: MinerKernel;
  /** Shared memory of the account. */
  readonly account: SharedArrayBuffer;
}

export interface MineTask {
  readonly digest: Uint8Array;
  readonly zeros: number;
  /** Which part of all nonces is searched (u16). */
  readonly space: number;
  /** Shared memory, two words: not 0 when nobody wants the nonce any more; batches tried so far. */
  readonly control: Int32Array;
}

/** Positions in `MineTask.control`. */
export const controlWords = { cancelled: 0, batches: 1 } as const;
