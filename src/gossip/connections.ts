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
