// What gossip asks of libp2p's connections, whoever opened them and whatever runs on them.
import type { Libp2p } from 'libp2p';
import type { Guest } from './admission.ts';

export type Connections = Pick<Libp2p, 'getConnections'>;

/** The connected peers for which the condition holds, once each for every connection. */
export function guestsOf(
  libp2p: Connections,
  isMeant: (peerId: string) => boolean,
): readonly Guest[] {
  return libp2p
    .getConnections()
    .map(({ remotePeer, remoteAddr }) => ({ peerId: remotePeer.toString(), address: remoteAddr }))
    .filter(({ peerId }) => isMeant(peerId));
}

export interface ConnectionLimits {
  readonly max: number;
  readonly maxPerPeer: number;
}

/**
 * Closes what comes beyond the limits at once. libp2p itself counts only what is open already: connections whose
 * handshakes end together all pass.
 */
export function boundConnections(
  libp2p: Connections & Pick<Libp2p, 'addEventListener'>,
  { max, maxPerPeer }: ConnectionLimits,
): void {
  libp2p.addEventListener('connection:open', ({ detail: connection }) => {
    const { remotePeer, direction } = connection;
    const isOverAll = direction === 'inbound' && libp2p.getConnections().length > max;
    if (isOverAll || libp2p.getConnections(remotePeer).length > maxPerPeer) {
      connection.abort(new Error('Too many connections.'));
    }
  });
}

/** Closes every connection with that peer, now. */
export function hangUp(libp2p: Connections, peerId: string): void {
  for (const connection of libp2p.getConnections()) {
    if (connection.remotePeer.toString() === peerId) connection.abort(new Error('Hung up.'));
  }
}

/** Closes connections older than that with peers that are not used. */
export function closeIdle(
  libp2p: Connections,
  isUsed: (peerId: string) => boolean,
  maxAgeMs: number,
): void {
  // libp2p dates its connections by the system's clock.
  const nowMs = Date.now();
  for (const connection of libp2p.getConnections()) {
    if (isUsed(connection.remotePeer.toString())) continue;
    if (nowMs - connection.timeline.open >= maxAgeMs) connection.abort(new Error('Idle.'));
  }
}

/** Of errors from the network only the kind: their texts may hold what the other side sent. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
