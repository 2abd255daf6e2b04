// Whom to dial, and when: neighbours of the owner as long as they are not connected, and nodes that discovery
// found while there are places for unknown ones.
import type { Connection, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import type { Logger } from '../log.ts';
import type { Guest } from './admission.ts';
import type { PeerAddresses } from './candidates.ts';
import { reasonOf } from './connections.ts';
import type { Discovery } from './discovery.ts';
import { dialTimeoutMs } from './limits.ts';
import type { KnownPeer } from './peers.ts';
import type { Redial } from './redial.ts';
import { Tally } from './tally.ts';

export type FoundNodes = Pick<
  Discovery,
  'isOn' | 'candidates' | 'addressesOf' | 'reached' | 'failed' | 'look'
>;

export interface DiallerOptions {
  readonly protocol: string;
  /** Places for neighbours that nobody named. */
  readonly maxUnknown: number;
}

export interface DiallerDeps {
  readonly libp2p: Pick<Libp2p, 'dial'>;
  readonly redial: Redial;
  readonly discovery: FoundNodes | undefined;
  /** Neighbours of the owner. */
  readonly known: () => readonly KnownPeer[];
  readonly connectedPeerIds: () => readonly string[];
  readonly refusal: (guest: Guest) => string | undefined;
  /** The field's rule: who dials opens the stream. */
  readonly onStream: (stream: Stream, connection: Connection) => void;
  readonly log: Logger;
}

export class Dialler implements Disposable {
  readonly dials = new Tally<'connected' | 'failed'>(['connected', 'failed']);
  readonly #options: DiallerOptions;
  readonly #deps: DiallerDeps;
  /** Candidates of discovery that are dialled now. */
  readonly #dialling = new Set<string>();
  readonly #closing = new AbortController();

  constructor(options: DiallerOptions, deps: DiallerDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
  }

  /** To be called about every second: begins whatever dials are due. */
  tick(): void {
    const { discovery, redial, refusal } = this.#deps;
    const connected = new Set(this.#deps.connectedPeerIds());
    for (const { peerId, address } of this.#deps.known()) {
      if (connected.has(peerId) || !redial.isDue(peerId)) continue;
      if (refusal({ peerId, address }) !== undefined) continue;
      // It may have moved, and discovery may have heard where to.
      void this.#dial({ peerId, addresses: [address, ...(discovery?.addressesOf(peerId) ?? [])] });
    }
    this.#discover(connected);
  }

  /** Fills the places of unknown neighbours with nodes that were found. */
  #discover(connected: ReadonlySet<string>): void {
    const { discovery } = this.#deps;
    if (discovery?.isOn !== true) return;
    void discovery.look([...connected]);
    const known = new Set(this.#deps.known().map(({ peerId }) => peerId));
    const isTaken = (peerId: string): boolean => known.has(peerId) || connected.has(peerId);
    const unknownCount = [...connected].filter((peerId) => !known.has(peerId)).length;
    let places = this.#options.maxUnknown - unknownCount - this.#dialling.size;
    for (const { peerId, addresses } of discovery.candidates) {
      if (places <= 0) return;
      if (isTaken(peerId) || !this.#isWelcome(peerId, addresses)) continue;
      places -= 1;
      void this.#dialFound(discovery, { peerId, addresses });
    }
  }

  /** Whether a candidate should be dialled now. */
  #isWelcome(peerId: string, [address]: readonly Multiaddr[]): boolean {
    const { redial, refusal } = this.#deps;
    if (this.#dialling.has(peerId) || !redial.isDue(peerId)) return false;
    return address !== undefined && refusal({ peerId, address }) === undefined;
  }

  async #dialFound(discovery: FoundNodes, found: PeerAddresses): Promise<void> {
    const { peerId } = found;
    this.#dialling.add(peerId);
    await this.#dial(found);
    this.#dialling.delete(peerId);
    if (this.#deps.connectedPeerIds().includes(peerId)) discovery.reached(peerId);
    else discovery.failed(peerId);
  }

  async #dial({ peerId, addresses }: PeerAddresses): Promise<void> {
    const { libp2p, redial, log, onStream } = this.#deps;
    redial.begin(peerId);
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(dialTimeoutMs)]);
    try {
      const connection = await libp2p.dial([...addresses], { signal });
      if (connection.direction === 'inbound') return;
      onStream(await connection.newStream(this.#options.protocol, { signal }), connection);
      this.dials.add('connected');
    } catch (error) {
      this.dials.add('failed');
      log.debug({ peerId, reason: reasonOf(error) }, 'a neighbour cannot be reached');
    }
  }
}
