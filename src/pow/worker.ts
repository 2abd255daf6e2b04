// The thread that mines: an entry point of its own, loaded by Piscina (see pool.ts).
import os from 'node:os';
import { threadId } from 'node:worker_threads';
import type { MiningKernel } from './kernels.ts';
import { LaneMiner } from './lanes.ts';

export interface MineTask {
  readonly digest: Uint8Array;
  readonly zeros: number;
  /** Shared memory; the pool makes it 1 when nobody wants the nonce any more. */
  readonly cancelled: Int32Array;
}

/** Under a millisecond of mining between two looks at the flag. */
const batchesPerSlice = 16;

const kernel: MiningKernel = new LaneMiner();

yieldToTheNode();

/** A nonce that reaches the zeros, or undefined when the task was cancelled before. */
export function mine({ digest, zeros, cancelled }: MineTask): bigint | undefined {
  kernel.start(digest, threadId & 0xffff, zeros);
  while (Atomics.load(cancelled, 0) === 0) {
    const nonce = kernel.run(batchesPerSlice);
    if (nonce !== undefined) return nonce;
  }
  return undefined;
}

/** On Linux "process 0" is the calling thread; elsewhere it is the whole node, so not there. */
function yieldToTheNode(): void {
  if (process.platform !== 'linux') return;
  try {
    os.setPriority(0, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it (systemd's @resources filter does): mining works all the same.
  }
}
