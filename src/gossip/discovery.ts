// Finding nodes that nobody named: on the local network, through nodes of the settings, and by asking neighbours. Off
// unless the owner wants it. Whoever is found is a candidate only; gossip decides whom it dials.
import type { PeerInfo } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { multiaddr } from '@multiformats/multiaddr';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { Candidates } from './candidates.ts';
import type { Candidate, PeerAddress } from './candidates.ts';
import { reasonOf } from './connections.ts';
import { askForPeers, serveExchange } from './exchange.ts';
import type { Host } from './host.ts';
import { mayTell } from './reach.ts';

export type DiscoveryMethod = 'mdns' | 'bootstrap' | 'exchange';

/** One neighbour is asked again after this. */
const askIntervalMs = 5 * 60_000;
/** One neighbour may ask again after this. */
const answerIntervalMs = 30_000;
/** Of so many it is remembered when they asked. */
const maxRemembered = 1_024;

export interface DiscoveryOptions {
  readonly methods: readonly DiscoveryMethod[];
  readonly networkId: bigint;
  /** Multiaddrs with `/p2p/<peer id>`. */
  readonly bootstrap: readonly string[];
}

export interface DiscoveryDeps {
  readonly host: Pick<Host, 'peerId' | 'libp2p'>;
  /** Where connected peers can be dialled, as far as that is known. */
  readonly dialable: () => Promise<readonly PeerAddress[]>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Discovery implements AsyncDisposable {
  readonly #options: DiscoveryOptions;
  readonly #deps: DiscoveryDeps;
  readonly #candidates: Candidates;
  readonly #askedMs = new Map<string, number>();
  readonly #answeredMs = new Map<string, number>();
  /** Kept fresh, because an answer is given at once. */
  #dialable: readonly PeerAddress[] = [];
  readonly #onFound = ({ detail }: CustomEvent<PeerInfo>): void => this.#found(detail);

  private constructor(options: DiscoveryOptions, deps: DiscoveryDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#candidates = new Candidates(deps.host.peerId);
  }

  /** Answers those who ask when it returns. */
  static async open(options: DiscoveryOptions, deps: DiscoveryDeps): Promise<Discovery> {
    const discovery = new Discovery(options, deps);
    await discovery.#start();
    return discovery;
  }

  /** Whether strangers are wanted at all. */
  get isOn(): boolean {
    return this.#options.methods.length > 0;
  }

  get candidates(): readonly Candidate[] {
    return this.#candidates.list;
  }

  /** Found for a peer that the owner named: it may have moved. */
  addressesOf(peerId: string): readonly Multiaddr[] {
    return this.#candidates.addressesOf(peerId);
  }

  async #start(): Promise<void> {
    const { methods, bootstrap, networkId } = this.#options;
    const { libp2p } = this.#deps.host;
    if (methods.includes('bootstrap')) {
      for (const address of bootstrap) this.#candidates.addBootstrap(multiaddr(address));
    }
    if (methods.includes('mdns')) libp2p.addEventListener('peer:discovery', this.#onFound);
    if (!methods.includes('exchange')) return;
    await serveExchange(networkId, {
      libp2p,
      mayAsk: (peerId) => this.#isDue(this.#answeredMs, peerId, answerIntervalMs),
      tell: (asker) =>
        this.#dialable
          .filter(
            ({ peerId, address }) => peerId !== asker.peerId && mayTell(address, asker.address),
          )
          .map(({ address }) => address),
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#deps.host.libp2p.removeEventListener('peer:discovery', this.#onFound);
    return Promise.resolve();
  }

  reached(peerId: string): void {
    this.#candidates.reached(peerId);
  }

  failed(peerId: string): void {
    this.#candidates.failed(peerId);
  }

  /** To be called now and then: asks those neighbours that were not asked of late. Owns its errors. */
  async look(neighbours: readonly string[]): Promise<void> {
    if (!this.#options.methods.includes('exchange')) return;
    this.#dialable = await this.#deps.dialable();
    await Promise.all(
      neighbours
        .filter((peerId) => this.#isDue(this.#askedMs, peerId, askIntervalMs))
        .map((peerId) => this.#ask(peerId)),
    );
  }

  async #ask(peerId: string): Promise<void> {
    const { host, log } = this.#deps;
    try {
      for (const address of await askForPeers(host.libp2p, peerId, this.#options.networkId)) {
        const found = address.getComponents().at(-1)?.value;
        if (found !== undefined) this.#candidates.add(found, [address]);
      }
    } catch (error) {
      log.debug({ peerId, reason: reasonOf(error) }, 'a neighbour told of no others');
    }
  }

  #found({ id, multiaddrs }: PeerInfo): void {
    this.#candidates.add(id.toString(), multiaddrs);
  }

  /** Notes the moment when it is. */
  #isDue(since: Map<string, number>, peerId: string, intervalMs: number): boolean {
    const nowMs = this.#deps.clock.now();
    if (nowMs - (since.get(peerId) ?? -Infinity) < intervalMs) return false;
    since.delete(peerId);
    since.set(peerId, nowMs);
    for (const oldest of since.keys()) {
      if (since.size <= maxRemembered) break;
      since.delete(oldest);
    }
    return true;
  }
}
