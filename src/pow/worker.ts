// The thread that mines: an entry point of its own, loaded by Piscina (see miners.ts).
import os from 'node:os';
import { workerData } from 'node:worker_threads';
import { CpuAccount, monotonicUs, Purse, sliceUs } from './budget.ts';
import { makeMiner } from './choose.ts';
import { controlWords } from './worker-task.ts';
import type { MineTask, MinerData } from './worker-task.ts';

const maxBatches = 4096;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- miners.ts posts it; Node knows no type
const { kernel, account: memory } = workerData as MinerData;
const account = new CpuAccount(memory);
const purse = new Purse(account);
const miner = makeMiner(kernel);
let batchesPerSlice = 8;

yieldToTheNode();

/** A nonce that reaches the zeros, or undefined when the task was cancelled before. */
export function mine({ digest, zeros, space, control }: MineTask): bigint | undefined {
  const isCancelled = (): boolean => Atomics.load(control, controlWords.cancelled) !== 0;
  miner.start(digest, space, zeros);
  while (purse.awaitTurn(isCancelled)) {
    const nonce = mineSlice(control);
    if (nonce !== undefined) return nonce;
  }
  return undefined;
}

function mineSlice(control: Int32Array): bigint | undefined {
  const batches = batchesPerSlice;
  const startUs = monotonicUs();
  const nonce = miner.run(batches);
  Atomics.add(control, controlWords.batches, batches);
  account.addHashes(batches * kernel.lanes);
  if (nonce === undefined) setPace(monotonicUs() - startUs);
  return nonce;
}

/** Towards slices of the length that is paid for. */
function setPace(tookUs: number): void {
  const factor = Math.min(Math.max(sliceUs / tookUs, 0.5), 2);
  batchesPerSlice = Math.min(Math.max(Math.round(batchesPerSlice * factor), 1), maxBatches);
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
