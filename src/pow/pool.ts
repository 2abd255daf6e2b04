// The old door to the miners, as long as the node comes through it.
import os from 'node:os';
import { systemClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { openPowService } from './service.ts';

export interface PowPool extends AsyncDisposable {
  mine(job: {
    readonly digest: Uint8Array;
    readonly zeros: number;
    readonly signal: AbortSignal;
  }): Promise<bigint>;
}

export async function openPowPool(
  { workers }: { readonly workers: number },
  { log }: { readonly log: Logger },
): Promise<PowPool> {
  const service = await openPowService(
    {
      workers,
      cpuBudget: Math.max(0.05, Math.min(1, workers / os.availableParallelism())),
      maxZeros: 17,
      queueSize: 32,
      refreshTipsIntervalMs: 5_000,
      maxJobMs: 300_000,
      quotaHashesPerMinute: 0,
      minPowScore: 4_000,
      wideVectors: false,
    },
    { log, clock: systemClock },
  );
  return {
    mine: async (job) => (await service.mine({ ...job, sizeBytes: 0, client: '' })).nonce,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}
