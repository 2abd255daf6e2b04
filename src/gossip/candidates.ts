// Nodes that this one could connect to, as discovery found them. Nobody vouches for them: they fill the places that
// unknown neighbours have, and are forgotten when they cannot be reached. Pure bookkeeping, bounded.
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { peerIdFromString } from '@libp2p/peer-id';
import { blockOf, reachOf } from './reach.ts';

export const maxCandidates = 256;
/** One source of many addresses must not crowd out all others: as many as it can name are of one block. */
const maxPerBlock = 8;
const maxFailures = 5;
const maxAddressesEach = 4;
/** Longer than any that names a host, a port and a peer. */
export const maxAddressBytes = 384;

export interface PeerAddresses {
  readonly peerId: string;
  readonly addresses: readonly Multiaddr[];
}

export interface Candidate extends PeerAddresses {
  /** From the settings, so it is never forgotten. */
  readonly isBootstrap: boolean;
}

/** Where a peer can be dialled. */
export interface PeerAddress {
  readonly peerId: string;
  readonly address: Multiaddr;
}

interface Kept {
  readonly peerId: string;
  addresses: readonly Multiaddr[];
  readonly isBootstrap: boolean;
  failures: number;
}

export class Candidates {
  readonly #kept = new Map<string, Kept>();
  readonly #ownPeerId: string;

  constructor(ownPeerId: string) {
    this.#ownPeerId = ownPeerId;
  }

  get list(): readonly Candidate[] {
    return [...this.#kept.values()];
  }

  addressesOf(peerId: string): readonly Multiaddr[] {
    return this.#kept.get(peerId)?.addresses ?? [];
  }

  /** From the settings. */
  addBootstrap(address: Multiaddr): void {
    const peerId = peerIdOf(address);
    if (peerId === undefined || peerId === this.#ownPeerId) return;
    this.#kept.set(peerId, { peerId, addresses: [address], isBootstrap: true, failures: 0 });
  }

  /** Addresses that were found for one peer, the best first; they take the place of those known before. */
  add(peerId: string, found: readonly Multiaddr[]): void {
    const addresses = found.filter((address) => isDialable(address)).slice(0, maxAddressesEach);
    const [first] = addresses;
    if (first === undefined || peerId === this.#ownPeerId) return;
    const before = this.#kept.get(peerId);
    if (before === undefined && !this.#hasRoom(first)) return;
    const withId = addresses.map((address) => withPeerId(address, peerId));
    if (before !== undefined && !before.isBootstrap) before.addresses = withId;
    if (before !== undefined) return;
    this.#kept.set(peerId, { peerId, addresses: withId, isBootstrap: false, failures: 0 });
  }

  reached(peerId: string): void {
    const kept = this.#kept.get(peerId);
    if (kept !== undefined) kept.failures = 0;
  }

  /** One that failed too often is forgotten; somebody may name it again. */
  failed(peerId: string): void {
    const kept = this.#kept.get(peerId);
    if (kept === undefined || kept.isBootstrap) return;
    kept.failures += 1;
    if (kept.failures >= maxFailures) this.#kept.delete(peerId);
  }

  #hasRoom(address: Multiaddr): boolean {
    if (this.#kept.size >= maxCandidates) return false;
    if (reachOf(address) !== 'public') return true;
    const block = blockOf(address);
    const near = this.list.filter(({ addresses: [first] }) => first && blockOf(first) === block);
    return near.length < maxPerBlock;
  }
}

/** The peer id that an address ends in. */
export function peerIdOf(address: Multiaddr): string | undefined {
  const last = address.getComponents().at(-1);
  return last?.name === 'p2p' ? last.value : undefined;
}

/** Undefined for what is no address of a peer over TCP, whoever wrote it. */
export function parsePeerAddress(text: string): Multiaddr | undefined {
  if (text.length > maxAddressBytes) return undefined;
  try {
    const address = multiaddr(text);
    const peerId = peerIdOf(address);
    if (peerId === undefined || !isDialable(address)) return undefined;
    peerIdFromString(peerId);
    return address;
  } catch {
    return undefined;
  }
}

/** An IP address or a name, a TCP port, and nothing behind them but the peer: no relays, no other transports. */
function isDialable(address: Multiaddr): boolean {
  const [host, transport, ...rest] = address.getComponents();
  if (host === undefined || transport?.name !== 'tcp' || Number(transport.value) === 0)
    return false;
  const isHost = ['ip4', 'ip6', 'dns4', 'dns6', 'dns'].includes(host.name);
  return isHost && (rest.length === 0 || (rest.length === 1 && rest[0]?.name === 'p2p'));
}

function withPeerId(address: Multiaddr, peerId: string): Multiaddr {
  return peerIdOf(address) === undefined ? address.encapsulate(`/p2p/${peerId}`) : address;
}
