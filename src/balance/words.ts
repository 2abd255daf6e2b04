// What the node says to each kind of proxy. Pure.
import type { Balance } from './watch.ts';

/** What a proxy asks for: the pool it shares out. */
export type Pool = 'api' | 'pow';

/**
 * A line for an agent-check of HAProxy 2.6 (chapter 5.2 of its manual). What a line does not say stays as
 * it was, so `ready` is always said: without it a server that was once drained stays so. A description
 * needs a space before its sharp, or its word is not known and the server stays up.
 */
export function agentLine(pool: Pool, { spare, powRoom, failing }: Balance): string {
  if (failing.length > 0) return `down #${failing.join(' ')}`;
  if (pool === 'api') return `up ready ${percent(spare.api)}`;
  if (powRoom === undefined) return 'down #pow.enabled is false';
  return `up ready ${percent(spare.pow)} maxconn:${powRoom}`;
}

/** No new requests, from now on until a line says `ready`. */
export const drainLine = 'drain';

/** Never 0, which means no requests at all: when every node is busy, someone must still take them. */
function percent(share: number): string {
  return `${Math.max(1, Math.round(share * 100))}%`;
}

/** Apache's mod_lbmethod_heartbeat rounds shares of small numbers to nothing; of some hundreds it does not. */
const fullHeartbeat = 1_000;

export interface Heartbeat {
  readonly balance: Balance;
  /** Where the API listens. */
  readonly port: number;
  /** Asks for no more requests. */
  readonly isLast: boolean;
}

/** The form that mod_heartmonitor takes, as a POST to its handler. */
export function heartbeatForm({ balance, port, isLast }: Heartbeat): string {
  const isOut = isLast || balance.failing.length > 0;
  const ready = isOut ? 0 : Math.max(1, Math.round(balance.spare.api * fullHeartbeat));
  // Never 0: Apache takes a server that is not busy at all for one that has just begun, and quarters its share.
  const busy = Math.max(1, fullHeartbeat - ready);
  return `v=1&ready=${ready}&busy=${busy}&port=${port}`;
}
