// Pruning of an open store: the limits from the settings and the disk, the ballast, the loop.
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { Ballast } from './ballast.ts';
import { FolderMeter } from './disk.ts';
import { limitsOf } from './limits.ts';
import type { PruningLimits, PruningSettings } from './limits.ts';
import { Pruner } from './pruner.ts';
import type { PrunerDeps } from './pruner.ts';

const maxBallastBytes = 32 * 1024 * 1024;

export interface PruningOptions extends PruningSettings {
  readonly dataDir: string;
}

export interface PruningDeps extends Pick<PrunerDeps, 'store' | 'tips' | 'archive'> {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Throws CONFIG_INVALID. */
export async function openPruning(options: PruningOptions, deps: PruningDeps): Promise<Pruner> {
  const meter = new FolderMeter(options.dataDir);
  const limits = limitsOf(options, await meter.measure());
  return Pruner.start(limits, {
    ...deps,
    measure: () => meter.measure(),
    ballast: await Ballast.open(options.dataDir, ballastBytes(limits)),
    evenMs: () => performance.now(),
  });
}

/** It counts towards the size, and nobody who set no reserve wants it. */
function ballastBytes({ reserveDiskBytes, maxSizeBytes = Infinity }: PruningLimits): number {
  return Math.floor(Math.min(maxBallastBytes, reserveDiskBytes / 8, maxSizeBytes / 16));
}
