// Whether the node does its job as it is configured, and if not, why.
import type { HealthCheck } from './api/server.ts';
import type { EventLoopWatch } from './event-loop.ts';
import type { CatchUp } from './gossip/catch-up.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { Store } from './storage/store.ts';

/** The event loop answers nothing while it is stuck; this long is a fault that operators must see. */
const stuckLoopMs = 2_000;
/** A node that lacks more of a neighbour's log, or lacks something for longer, is not in sync. */
const maxBehindMessages = 1_000;
const maxBehindMs = 60_000;

export interface HealthSources {
  readonly store: Pick<Store, 'state'>;
  readonly loop: Pick<EventLoopWatch, 'maxDelayMs'>;
  readonly network: {
    readonly gossip: Pick<Gossip, 'neighbours' | 'hasConfiguredNeighbour'>;
    readonly catchUp: Pick<CatchUp, 'state'>;
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
    check('catch-up', whyBehind(network)),
  ];
}

/** Neighbours of other makes have no log to follow; what unknown ones claim proves nothing. */
function whyBehind({ gossip, catchUp }: HealthSources['network']): string | undefined {
  const known = gossip.neighbours().filter(({ relation }) => relation === 'known');
  const knownIds = new Set(known.map(({ id }) => id));
  const followed = catchUp.state().neighbours.filter(({ peerId }) => knownIds.has(peerId));
  if (followed.some(({ isBelowCut }) => isBelowCut)) {
    return 'A configured neighbour has cut its log above what is known here.';
  }
  const isBehind = followed.some(
    ({ behindMessages, behindMs }) => behindMessages > maxBehindMessages || behindMs > maxBehindMs,
  );
  return isBehind ? 'A configured neighbour has messages that are missing here.' : undefined;
}

function check(name: string, reason: string | undefined): HealthCheck {
  return reason === undefined ? { name, ok: true } : { name, ok: false, reason };
}
