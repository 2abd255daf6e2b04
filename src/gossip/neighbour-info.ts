// A neighbour as the REST API of the field shows it.
import type { Neighbour, NeighbourMetrics } from './neighbour.ts';
import type { KnownPeer } from './peers.ts';

export interface HeartbeatInfo {
  readonly solidMilestoneIndex: number;
  readonly prunedMilestoneIndex: number;
  readonly latestMilestoneIndex: number;
  readonly connectedNeighbors: number;
  readonly syncedNeighbors: number;
}

export interface NeighbourInfo {
  readonly id: string;
  readonly multiAddresses: readonly string[];
  readonly alias?: string | undefined;
  /** `autopeered`: found by discovery. */
  readonly relation: 'known' | 'unknown' | 'autopeered';
  readonly connected: boolean;
  /** Only while it is connected. The heartbeat is null until the first came. */
  readonly gossip?:
    | { readonly heartbeat: HeartbeatInfo | null; readonly metrics: Readonly<NeighbourMetrics> }
    | undefined;
}

/** One that the owner named, connected or not. */
export function knownInfo(
  { peerId, address, alias }: KnownPeer,
  neighbour: Neighbour | undefined,
): NeighbourInfo {
  return {
    id: peerId,
    multiAddresses: [address.toString()],
    alias,
    relation: 'known',
    connected: neighbour !== undefined,
    gossip: neighbour && gossipInfo(neighbour),
  };
}

/** One that nobody named. */
export function unknownInfo(neighbour: Neighbour, isFound: boolean): NeighbourInfo {
  return {
    id: neighbour.peerId,
    multiAddresses: [neighbour.link.connection.remoteAddr.toString()],
    relation: isFound ? 'autopeered' : 'unknown',
    connected: true,
    gossip: gossipInfo(neighbour),
  };
}

function gossipInfo(neighbour: Neighbour): NonNullable<NeighbourInfo['gossip']> {
  return { heartbeat: heartbeatInfo(neighbour), metrics: { ...neighbour.metrics } };
}

function heartbeatInfo({ heartbeat }: Neighbour): HeartbeatInfo | null {
  if (heartbeat === undefined) return null;
  const { connectedNeighbours, syncedNeighbours, ...indexes } = heartbeat;
  return {
    ...indexes,
    connectedNeighbors: connectedNeighbours,
    syncedNeighbors: syncedNeighbours,
  };
}
