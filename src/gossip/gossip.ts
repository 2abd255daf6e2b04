// Gossip with all neighbours, by the field's own protocol: dials those that are to be there, lets in who may, and drops
// who harms. What a message is worth the door decides.
import type { Connection, Stream } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { AdmissionLimits } from './admission.ts';
import { Bans } from './bans.ts';
import { closeIdle, hangUp } from './connections.ts';
import { Dialler } from './dialler.ts';
import type { FoundNodes } from './dialler.ts';
import { Gatekeeper } from './gatekeeper.ts';
import type { Host } from './host.ts';
import { maxIdleConnectionMs, neighbourLimits } from './limits.ts';
import type { Fault, Neighbour, NeighbourDeps, NeighbourMetrics } from './neighbour.ts';
import { knownInfo, unknownInfo } from './neighbour-info.ts';
import type { NeighbourInfo } from './neighbour-info.ts';
import { Peers } from './peers.ts';
import { Redial } from './redial.ts';
import { Streams } from './streams.ts';
import type { SolidMessage } from './streams.ts';
import { Tally } from './tally.ts';

/** A stream that lasted so long was a good one: it may be dialled again at once. */
const goodStreamMs = 30_000;

export interface GossipOptions {
  readonly networkId: bigint;
  readonly dataDir: string;
  /** Multiaddrs with `/p2p/<peer id>`. */
  readonly neighbours: readonly string[];
  readonly admission: AdmissionLimits;
  readonly maxBytesPerSecond: number;
  readonly tickIntervalMs?: number | undefined;
}

export interface GossipDeps {
  readonly host: Host;
  readonly submit: NeighbourDeps['submit'];
  /** The bytes of a solid message that prove themselves. */
  readonly readMessage: (id: MessageId) => Uint8Array | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** A neighbour's stream is up, or gone. */
  readonly onNeighbour?: ((event: NeighbourEvent) => void) | undefined;
  readonly discovery?: FoundNodes | undefined;
  /** Frames to this neighbour found no room: it has to be caught up. */
  readonly onDropped?: ((peerId: string) => void) | undefined;
}

export interface NeighbourEvent {
  readonly kind: 'up' | 'down';
  readonly peerId: string;
  readonly isConfigured: boolean;
}

export interface GossipTallies {
  readonly refused: ReadonlyMap<string, number>;
  /** By the code of the error. */
  readonly banned: ReadonlyMap<ErrorCode, number>;
  readonly dropped: ReadonlyMap<string, number>;
  readonly dials: ReadonlyMap<string, number>;
}

/** Starts dialling before it returns. Throws TangleError NEIGHBOUR_INVALID. */
export async function openGossip(options: GossipOptions, deps: GossipDeps): Promise<Gossip> {
  const { dataDir, neighbours: configured } = options;
  const peers = await Peers.open({ dataDir, configured, ownPeerId: deps.host.peerId });
  const bans = await Bans.open(dataDir, deps.clock);
  const gossip = new Gossip(options, deps, { peers, bans });
  await gossip.start();
  return gossip;
}

export class Gossip implements AsyncDisposable {
  readonly #options: GossipOptions;
  readonly #deps: GossipDeps;
  readonly #peers: Peers;
  readonly #bans: Bans;
  readonly #redial: Redial;
  readonly #gate: Gatekeeper;
  readonly #dialler: Dialler;
  readonly #streams: Streams;
  /** For no crime. */
  readonly #dropped = new Tally<'SILENT' | 'SLOW'>(['SILENT', 'SLOW']);
  #isClosing = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    options: GossipOptions,
    deps: GossipDeps,
    kept: { readonly peers: Peers; readonly bans: Bans },
  ) {
    this.#options = options;
    this.#deps = deps;
    this.#peers = kept.peers;
    this.#bans = kept.bans;
    this.#redial = new Redial({ clock: deps.clock, random: Math.random });
    this.#gate = new Gatekeeper(options.admission, {
      ...kept,
      libp2p: deps.host.libp2p,
      isDiscovering: () => deps.discovery?.isOn ?? false,
      log: deps.log,
    });
    this.#streams = this.#makeStreams();
    this.#dialler = this.#makeDialler();
  }

  #makeStreams(): Streams {
    const { host, clock, submit, readMessage, onDropped } = this.#deps;
    return new Streams(neighbourLimits(this.#options.maxBytesPerSecond), {
      ownPeerId: host.peerId,
      clock,
      submit,
      readMessage,
      onUp: (neighbour) => this.#onUp(neighbour),
      onDown: (neighbour) => this.#onDown(neighbour),
      onFault: (neighbour, fault) => this.#drop(neighbour, fault),
      onDropped: (peerId) => onDropped?.(peerId),
    });
  }

  #makeDialler(): Dialler {
    const { host, discovery, log } = this.#deps;
    const { maxUnknown } = this.#options.admission;
    return new Dialler(
      { protocol: this.#protocol, maxUnknown },
      {
        libp2p: host.libp2p,
        redial: this.#redial,
        discovery,
        known: () => this.#peers.list,
        connectedPeerIds: () => this.connectedPeerIds,
        refusal: (guest) => this.#gate.refusal(guest),
        onStream: (stream, connection) => this.#adopt(stream, connection),
        log,
      },
    );
  }

  /** Whether a configured neighbour is connected; undefined when there is none. */
  get hasConfiguredNeighbour(): boolean | undefined {
    if (this.#peers.list.length === 0) return undefined;
    return this.#peers.list.some(({ peerId }) => this.#streams.has(peerId));
  }

  /** Whether the owner named it, connected or not. */
  isConfigured(peerId: string): boolean {
    return this.#peers.get(peerId) !== undefined;
  }

  get connectedPeerIds(): readonly string[] {
    return this.#streams.peerIds;
  }

  /** To be called once. */
  async start(): Promise<void> {
    const { host } = this.#deps;
    host.setGate((peerId, address) => this.#gate.admits({ peerId, address }));
    await host.libp2p.handle(this.#protocol, (stream, connection) => {
      this.#adopt(stream, connection);
    });
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), this.#options.tickIntervalMs ?? 1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#isClosing = true;
    this.#dialler[Symbol.dispose]();
    await this.#deps.host.libp2p.unhandle(this.#protocol);
    for (const peerId of this.#streams.peerIds) hangUp(this.#deps.host.libp2p, peerId);
    await this.#bans.settled();
  }

  /** Solid now: goes to every neighbour but those that sent it. Never blocks, never throws. */
  forward(messages: readonly SolidMessage[]): void {
    this.#streams.forward(messages);
  }

  /** A message came from that neighbour by another way, so it is not sent back there. */
  heard(bytes: Uint8Array, source: `peer:${string}`): void {
    this.#streams.heard(bytes, source);
  }

  /** Sends a message request to that neighbour; false when it cannot take one now. */
  requestMessage(peerId: string, id: MessageId): boolean {
    return this.#streams.get(peerId)?.requestMessage(id) ?? false;
  }

  /** Known ones, connected or not, then unknown ones that are connected. */
  neighbours(): readonly NeighbourInfo[] {
    const unknown = this.#streams.neighbours.filter(({ peerId }) => !this.isConfigured(peerId));
    return [
      ...this.#peers.list.map((peer) => knownInfo(peer, this.#streams.get(peer.peerId))),
      ...unknown.map((neighbour) => unknownInfo(neighbour, this.#isFound(neighbour.peerId))),
    ];
  }

  /** Of all streams since the start. */
  totals(): Readonly<NeighbourMetrics> {
    return this.#streams.totals();
  }

  /** Waiting to be sent, to all neighbours together. */
  get queuedBytes(): number {
    return this.#streams.queuedBytes;
  }

  /** Since the start, by name. */
  get tallies(): GossipTallies {
    return {
      refused: this.#gate.refused.counts,
      banned: this.#gate.punished.counts,
      dropped: this.#dropped.counts,
      dials: this.#dialler.dials.counts,
    };
  }

  get banned(): Bans['counts'] {
    return this.#bans.counts;
  }

  /** Dialled from now on, also after a restart. Throws TangleError NEIGHBOUR_INVALID. */
  async addNeighbour(address: string, alias?: string): Promise<NeighbourInfo> {
    const peer = await this.#peers.add(address, alias);
    this.#redial.forget(peer.peerId);
    return knownInfo(peer, this.#streams.get(peer.peerId));
  }

  /** Throws TangleError NEIGHBOUR_UNKNOWN. */
  async removeNeighbour(peerId: string): Promise<void> {
    if (!(await this.#peers.remove(peerId))) throw new TangleError('NEIGHBOUR_UNKNOWN');
    hangUp(this.#deps.host.libp2p, peerId);
  }

  /** Closes the connections and keeps the peer out, longer each time. For codes whose blame is `sender`. */
  punish(peerId: string, code: ErrorCode): void {
    this.#gate.punish(peerId, code, this.#streams.get(peerId)?.link.connection.remoteAddr);
  }

  get #protocol(): string {
    return `/iota-gossip/${this.#options.networkId}/1.0.0`;
  }

  #isFound(peerId: string): boolean {
    return this.#deps.discovery?.candidates.some((found) => found.peerId === peerId) ?? false;
  }

  #tick(): void {
    this.#streams.tick();
    closeIdle(this.#deps.host.libp2p, (id) => this.#streams.has(id), maxIdleConnectionMs);
    this.#dialler.tick();
  }

  #adopt(stream: Stream, connection: Connection): void {
    // A connection that went between two awaits is told of by no close event: its stream would stand for ever.
    if (stream.status !== 'open' || connection.status !== 'open') return;
    const peerId = connection.remotePeer.toString();
    const refused = this.#gate.refusal({ peerId, address: connection.remoteAddr });
    if (refused !== undefined || this.#isClosing) {
      this.#deps.log.debug({ peerId, reason: refused }, 'a neighbour is refused');
      connection.abort(new Error('Refused.'));
      return;
    }
    this.#streams.adopt(stream, connection);
  }

  #onUp({ peerId, link }: Neighbour): void {
    const { direction } = link.connection;
    this.#deps.log.info({ peerId, direction }, 'a neighbour is connected');
    this.#tell('up', peerId);
  }

  #onDown({ peerId, openedMs }: Neighbour): void {
    if (this.#deps.clock.now() - openedMs >= goodStreamMs) this.#redial.forget(peerId);
    this.#deps.log.info({ peerId }, 'a neighbour is gone');
    this.#tell('down', peerId);
  }

  #tell(kind: NeighbourEvent['kind'], peerId: string): void {
    this.#deps.onNeighbour?.({ kind, peerId, isConfigured: this.isConfigured(peerId) });
  }

  /** Silence and slowness are no crimes; everything else is kept out for a time. */
  #drop({ peerId, link }: Neighbour, fault: Fault): void {
    if (fault !== 'SILENT' && fault !== 'SLOW') {
      this.#gate.punish(peerId, fault, link.connection.remoteAddr);
      return;
    }
    this.#dropped.add(fault);
    this.#deps.log.warn({ peerId, code: fault }, 'a neighbour is dropped');
    hangUp(this.#deps.host.libp2p, peerId);
  }
}
