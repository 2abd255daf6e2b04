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
  /** A dial lasts longer than the wait for the next, and two would open two streams on one connection. */
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
    const { discovery, refusal } = this.#deps;
    const connected = new Set(this.#deps.connectedPeerIds());
    for (const { peerId, address } of this.#deps.known()) {
      if (connected.has(peerId) || !this.#isDue(peerId)) continue;
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
    const unknown = [...new Set([...connected, ...this.#dialling])].filter((id) => !known.has(id));
    let places = this.#options.maxUnknown - unknown.length;
    for (const { peerId, addresses } of discovery.candidates) {
      if (places <= 0) return;
      if (isTaken(peerId) || !this.#isWelcome(peerId, addresses)) continue;
      places -= 1;
      void this.#dialFound(discovery, { peerId, addresses });
    }
  }

  /** Whether a candidate should be dialled now. */
  #isWelcome(peerId: string, [address]: readonly Multiaddr[]): boolean {
    if (address === undefined || !this.#isDue(peerId)) return false;
    return this.#deps.refusal({ peerId, address }) === undefined;
  }

  #isDue(peerId: string): boolean {
    return !this.#dialling.has(peerId) && this.#deps.redial.isDue(peerId);
  }

  async #dialFound(discovery: FoundNodes, found: PeerAddresses): Promise<void> {
    const { peerId } = found;
    await this.#dial(found);
    if (this.#deps.connectedPeerIds().includes(peerId)) discovery.reached(peerId);
    else discovery.failed(peerId);
  }

  async #dial({ peerId, addresses }: PeerAddresses): Promise<void> {
    const { libp2p, redial, log, onStream } = this.#deps;
    redial.begin(peerId);
    this.#dialling.add(peerId);
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(dialTimeoutMs)]);
    try {
      const connection = await libp2p.dial([...addresses], { signal });
      if (connection.direction === 'inbound') return;
      onStream(await connection.newStream(this.#options.protocol, { signal }), connection);
      this.dials.add('connected');
    } catch (error) {
      this.dials.add('failed');
      log.debug({ peerId, reason: reasonOf(error) }, 'a neighbour cannot be reached');
    } finally {
      this.#dialling.delete(peerId);
    }
  }
}
