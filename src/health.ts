// Whether the node does its job as it is configured, and if not, why.
import type { HealthCheck } from './api/server.ts';
import type { EventLoopWatch } from './event-loop.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { SyncStatus } from './gossip/in-sync.ts';
import type { PruningStatus } from './pruning/pruner.ts';
import type { Store } from './storage/store.ts';

/** The event loop answers nothing while it is stuck; this long is a fault that operators must see. */
const stuckLoopMs = 2_000;

export interface HealthSources {
  /** When pruned messages are kept. */
  readonly archive?: { readonly failure: string | undefined } | undefined;
  readonly pruner: { readonly status: () => PruningHealth };
  readonly store: Pick<Store, 'state'>;
  readonly loop: Pick<EventLoopWatch, 'maxDelayMs'>;
  readonly network: {
    readonly gossip: Pick<Gossip, 'hasConfiguredNeighbour'>;
    readonly sync: () => SyncStatus;
  };
}

export function healthChecks({
  store,
  pruner,
  archive,
  loop,
  network,
}: HealthSources): HealthCheck[] {
  const pruning = pruner.status();
  const { writable, code, damage } = store.state();
  const delayMs = Math.round(loop.maxDelayMs());
  return [
    check('store', writable ? damage : `The store cannot write (${code ?? 'unknown'}).`),
    check('disk', whyDiskLow(pruning)),
    check('size', whyTooLarge(pruning)),
    ...(archive === undefined ? [] : [check('archive', archive.failure)]),
    check(
      'event-loop',
      delayMs < stuckLoopMs ? undefined : `The node was stuck for ${delayMs} ms.`,
    ),
    check(
      'neighbours',
      (network.gossip.hasConfiguredNeighbour ?? true)
        ? undefined
        : 'None of the configured neighbours is connected.',
    ),
    check('catch-up', network.sync().reason),
  ];
}

type PruningHealth = Pick<
  PruningStatus,
  'isDiskLow' | 'isBlocked' | 'slowedMs' | 'disk' | 'limits'
>;

function whyDiskLow({ isDiskLow, disk, limits }: PruningHealth): string | undefined {
  return isDiskLow
    ? `The disk has ${mebibytes(disk.freeBytes)} free, less than the reserve of ${mebibytes(limits.reserveDiskBytes)}.`
    : undefined;
}

function whyTooLarge({ slowedMs, isBlocked, disk, limits }: PruningHealth): string | undefined {
  const size = `The data folder has ${mebibytes(disk.folderBytes)}, above its limit of ${mebibytes(limits.maxSizeBytes ?? 0)}`;
  if (slowedMs > 0) return `${size}: messages are taken slower.`;
  return isBlocked ? 'What may be pruned is not enough to keep the limits of the disk.' : undefined;
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;

function check(name: string, reason: string | undefined): HealthCheck {
  return reason === undefined ? { name, ok: true } : { name, ok: false, reason };
}
