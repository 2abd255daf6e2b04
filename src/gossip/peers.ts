// The neighbours that the owner named: in the settings, or later through the API, kept in peers.json. All
// others are unknown.
import { join } from 'node:path';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { TangleError } from '../errors.ts';
import { readIfThere, replaceFile } from '../files.ts';

/** A list that grows through the API needs an end. */
const maxPeers = 256;
const maxAliasCharacters = 64;

export interface KnownPeer {
  readonly peerId: string;
  readonly address: Multiaddr;
  readonly alias?: string | undefined;
  /** Added through the API, so it lies in peers.json. */
  readonly isKept: boolean;
}

interface KeptPeer {
  readonly multiAddress: string;
  readonly alias?: string | undefined;
}

export interface PeersOptions {
  readonly dataDir: string;
  readonly ownPeerId: string;
  /** Multiaddrs from the settings; the node's own is passed over, so that all nodes may share a list. */
  readonly configured: readonly string[];
}

export class Peers {
  readonly #path: string;
  readonly #ownPeerId: string;
  readonly #peers = new Map<string, KnownPeer>();

  private constructor(options: PeersOptions) {
    this.#path = join(options.dataDir, 'peers.json');
    this.#ownPeerId = options.ownPeerId;
  }

  /** Throws TangleError NEIGHBOUR_INVALID. */
  static async open(options: PeersOptions): Promise<Peers> {
    const peers = new Peers(options);
    const text = (await readIfThere(peers.#path))?.toString() ?? '[]';
    const kept = parseKept(peers.#path, text).map(({ multiAddress, alias }) => ({
      ...peerOf(multiAddress, alias),
      isKept: true,
    }));
    const configured = options.configured.map((address) => {
      const peer = peerOf(address);
      // What was added by command stays so, with its name; where it is, the settings know better.
      const before = kept.find(({ peerId }) => peerId === peer.peerId);
      return { ...peer, alias: before?.alias, isKept: before !== undefined };
    });
    for (const peer of [...kept, ...configured]) {
      if (peer.peerId !== options.ownPeerId) peers.#peers.set(peer.peerId, peer);
    }
    return peers;
  }

  get list(): readonly KnownPeer[] {
    return [...this.#peers.values()];
  }

  get(peerId: string): KnownPeer | undefined {
    return this.#peers.get(peerId);
  }

  /** Kept over restarts when it returns. Throws TangleError NEIGHBOUR_INVALID. */
  async add(address: string, alias?: string): Promise<KnownPeer> {
    const peer = { ...peerOf(address, alias), isKept: true };
    if (peer.peerId === this.#ownPeerId) {
      throw new TangleError('NEIGHBOUR_INVALID', 'The address is that of this node itself.');
    }
    if (this.#peers.size >= maxPeers && !this.#peers.has(peer.peerId)) {
      throw new TangleError('NEIGHBOUR_INVALID', `A node has at most ${maxPeers} neighbours.`);
    }
    this.#peers.set(peer.peerId, peer);
    await this.#save();
    return peer;
  }

  /** One from the settings comes back with the next start. False when there is none. */
  async remove(peerId: string): Promise<boolean> {
    if (!this.#peers.delete(peerId)) return false;
    await this.#save();
    return true;
  }

  async #save(): Promise<void> {
    const kept = this.list
      .filter(({ isKept }) => isKept)
      .map(({ address, alias }): KeptPeer => ({ multiAddress: address.toString(), alias }));
    await replaceFile(this.#path, `${JSON.stringify(kept, undefined, 2)}\n`);
  }
}

function peerOf(text: string, alias?: string): Omit<KnownPeer, 'isKept'> {
  try {
    const address = multiaddr(text);
    const peerId = address.getComponents().findLast(({ name }) => name === 'p2p')?.value ?? '';
    const isAliasFine = alias === undefined || alias.length <= maxAliasCharacters;
    if (isAliasFine) return { peerId: peerIdFromString(peerId).toString(), address, alias };
  } catch {
    // Said below.
  }
  throw new TangleError(
    'NEIGHBOUR_INVALID',
    `${JSON.stringify(text)} is no address such as /ip4/192.0.2.1/tcp/15600/p2p/12D3Koo…, or its alias is longer than ${maxAliasCharacters} characters.`,
  );
}

/** The peer ids in a list of peer ids and of addresses that end in one. Throws TangleError NEIGHBOUR_INVALID. */
export function peerIdsOf(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.map(peerIdIn));
}

function peerIdIn(text: string): string {
  try {
    return peerIdFromString(text.split('/').at(-1) ?? '').toString();
  } catch {
    throw new TangleError('NEIGHBOUR_INVALID', `${JSON.stringify(text)} names no peer id.`);
  }
}

function parseKept(path: string, text: string): readonly KeptPeer[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every(isKeptPeer)) return parsed;
  } catch {
    // Said below.
  }
  throw new TangleError(
    'NEIGHBOUR_INVALID',
    `${path} is not a list of neighbours; correct it, or remove it to lose those added by command.`,
  );
}

function isKeptPeer(value: unknown): value is KeptPeer {
  if (typeof value !== 'object' || value === null || !('multiAddress' in value)) return false;
  const hasAlias = 'alias' in value && value.alias !== undefined;
  return typeof value.multiAddress === 'string' && (!hasAlias || typeof value.alias === 'string');
}
