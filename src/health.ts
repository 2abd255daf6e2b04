// Whether the node does its job as it is configured, and if not, why.
import type { HealthCheck } from './api/server.ts';
import type { EventLoopWatch } from './event-loop.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { SyncStatus } from './gossip/in-sync.ts';
import type { Store } from './storage/store.ts';

/** The event loop answers nothing while it is stuck; this long is a fault that operators must see. */
const stuckLoopMs = 2_000;

export interface HealthSources {
  readonly store: Pick<Store, 'state'>;
  readonly loop: Pick<EventLoopWatch, 'maxDelayMs'>;
  readonly network: {
    readonly gossip: Pick<Gossip, 'hasConfiguredNeighbour'>;
    readonly sync: () => SyncStatus;
  };
}

export function healthChecks({ store, loop, network }: HealthSources): HealthCheck[] {
  const { writable, code, damage } = store.state();
  const delayMs = Math.round(loop.maxDelayMs());
  return [
    check('store', writable ? damage : `The store cannot write (${code ?? 'unknown'}).`),
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

function check(name: string, reason: string | undefined): HealthCheck {
  return reason === undefined ? { name, ok: true } : { name, ok: false, reason };
}
