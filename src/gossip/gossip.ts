// Gossip with all neighbours, by the field's own protocol: keeps their streams up, passes on what became
// solid, and drops who harms. What a message is worth the door decides.
import type { Connection, Stream } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import { messageIdOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { isReplaced } from './admission.ts';
import type { AdmissionLimits } from './admission.ts';
import { Bans } from './bans.ts';
import { closeIdle, hangUp } from './connections.ts';
import { Dialler } from './dialler.ts';
import type { FoundNodes } from './dialler.ts';
import { encodeFrame } from './frames.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { heartbeatOf } from './heartbeat.ts';
import type { Host } from './host.ts';
import { maxIdleConnectionMs, neighbourLimits } from './limits.ts';
import type { NeighbourLimits } from './limits.ts';
import { Neighbour, addMetrics, noMetrics } from './neighbour.ts';
import type { Fault, NeighbourDeps, NeighbourMetrics } from './neighbour.ts';
import { knownInfo, unknownInfo } from './neighbour-info.ts';
import type { NeighbourInfo } from './neighbour-info.ts';
import { Peers } from './peers.ts';
import { Redial } from './redial.ts';
import { Senders, senderKey } from './senders.ts';
import { Tally } from './tally.ts';
import { peerIdOf } from '../tangle/tickets.ts';

/** Places for messages whose senders are remembered; 1 MiB. */
const rememberedMessages = 65_536;
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

export interface SolidMessage {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
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
  readonly #limits: NeighbourLimits;
  readonly #senders = new Senders(rememberedMessages);
  readonly #neighbours = new Map<string, Neighbour>();
  /** Of the streams that are gone. */
  readonly #past = noMetrics();
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
    this.#limits = neighbourLimits(options.maxBytesPerSecond);
    this.#gate = new Gatekeeper(options.admission, {
      ...kept,
      libp2p: deps.host.libp2p,
      isDiscovering: () => deps.discovery?.isOn ?? false,
      log: deps.log,
    });
    this.#dialler = this.#makeDialler();
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
    return this.#peers.list.some(({ peerId }) => this.#neighbours.has(peerId));
  }

  /** Whether the owner named it, connected or not. */
  isConfigured(peerId: string): boolean {
    return this.#isKnown(peerId);
  }

  get connectedPeerIds(): readonly string[] {
    return [...this.#neighbours.keys()];
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
    for (const peerId of this.#neighbours.keys()) hangUp(this.#deps.host.libp2p, peerId);
    await this.#bans.settled();
  }

  /** Solid now: goes to every neighbour but those that sent it. Never blocks, never throws. */
  forward(messages: readonly SolidMessage[]): void {
    if (this.#neighbours.size === 0) return;
    for (const { id, bytes } of messages) {
      const key = senderKey(id);
      const frame = encodeFrame({ type: 'message', bytes });
      for (const neighbour of this.#neighbours.values()) {
        if (!this.#senders.has(key, neighbour.peerId)) neighbour.sendMessage(frame);
      }
    }
  }

  /** A message came from that neighbour by another way, so it is not sent back there. */
  heard(bytes: Uint8Array, source: `peer:${string}`): void {
    this.#senders.add(senderKey(messageIdOf(bytes)), peerIdOf(source));
  }

  /** Sends a message request to that neighbour; false when it cannot take one now. */
  requestMessage(peerId: string, id: MessageId): boolean {
    return this.#neighbours.get(peerId)?.requestMessage(id) ?? false;
  }

  /** Known ones, connected or not, then unknown ones that are connected. */
  neighbours(): readonly NeighbourInfo[] {
    const unknown = [...this.#neighbours.values()].filter(({ peerId }) => !this.#isKnown(peerId));
    return [
      ...this.#peers.list.map((peer) => knownInfo(peer, this.#neighbours.get(peer.peerId))),
      ...unknown.map((neighbour) => unknownInfo(neighbour, this.#isFound(neighbour.peerId))),
    ];
  }

  /** Of all streams since the start. */
  totals(): Readonly<NeighbourMetrics> {
    const sum = { ...this.#past };
    for (const { metrics } of this.#neighbours.values()) addMetrics(sum, metrics);
    return sum;
  }

  /** Waiting to be sent, to all neighbours together. */
  get queuedBytes(): number {
    return [...this.#neighbours.values()].reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
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
    return knownInfo(peer, this.#neighbours.get(peer.peerId));
  }

  /** Throws TangleError NEIGHBOUR_UNKNOWN. */
  async removeNeighbour(peerId: string): Promise<void> {
    if (!(await this.#peers.remove(peerId))) throw new TangleError('NEIGHBOUR_UNKNOWN');
    hangUp(this.#deps.host.libp2p, peerId);
  }

  /** Closes the connections and keeps the peer out, longer each time. For codes whose blame is `sender`. */
  punish(peerId: string, code: ErrorCode): void {
    this.#gate.punish(peerId, code, this.#neighbours.get(peerId)?.link.connection.remoteAddr);
  }

  get #protocol(): string {
    return `/iota-gossip/${this.#options.networkId}/1.0.0`;
  }

  #isFound(peerId: string): boolean {
    return this.#deps.discovery?.candidates.some((found) => found.peerId === peerId) ?? false;
  }

  #isKnown(peerId: string): boolean {
    return this.#peers.get(peerId) !== undefined;
  }

  #tick(): void {
    const heartbeat = heartbeatOf([...this.#neighbours.values()]);
    for (const neighbour of this.#neighbours.values()) neighbour.tick(heartbeat);
    closeIdle(this.#deps.host.libp2p, (id) => this.#neighbours.has(id), maxIdleConnectionMs);
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
    if (!this.#makeRoom(peerId, stream, connection)) return;
    const neighbour = new Neighbour({ peerId, connection, stream }, this.#limits, {
      clock: this.#deps.clock,
      submit: this.#deps.submit,
      readMessage: this.#deps.readMessage,
      onMessage: (id, from) => this.#senders.add(senderKey(id), from),
      onFault: (faulty, fault) => this.#drop(faulty, fault),
      onDropped: (to) => this.#deps.onDropped?.(to),
    });
    this.#neighbours.set(peerId, neighbour);
    stream.addEventListener('close', () => this.#forget(neighbour));
    this.#deps.log.info({ peerId, direction: connection.direction }, 'a neighbour is connected');
    this.#tell('up', peerId);
    neighbour.tick(heartbeatOf([...this.#neighbours.values()]));
  }

  /** One stream for each neighbour. False when the one that is there stays, and the new one is closed. */
  #makeRoom(peerId: string, stream: Stream, connection: Connection): boolean {
    const first = this.#neighbours.get(peerId);
    if (first === undefined) return true;
    if (first.link.connection.id === connection.id) {
      stream.abort(new Error('One stream is enough.'));
      return false;
    }
    const ageMs = this.#deps.clock.now() - first.openedMs;
    const isSecondBetter = isReplaced(
      { direction: first.link.connection.direction, ageMs },
      { direction: connection.direction, ageMs: 0 },
      { own: this.#deps.host.peerId, peer: peerId },
    );
    const worse = isSecondBetter ? first.link.connection : connection;
    if (isSecondBetter) this.#forget(first);
    worse.abort(new Error('One connection is enough.'));
    return isSecondBetter;
  }

  #forget(neighbour: Neighbour): void {
    const { peerId } = neighbour;
    if (this.#neighbours.get(peerId) !== neighbour) return;
    this.#neighbours.delete(peerId);
    addMetrics(this.#past, neighbour.metrics);
    if (this.#deps.clock.now() - neighbour.openedMs >= goodStreamMs) this.#redial.forget(peerId);
    this.#deps.log.info({ peerId }, 'a neighbour is gone');
    this.#tell('down', peerId);
  }

  #tell(kind: NeighbourEvent['kind'], peerId: string): void {
    this.#deps.onNeighbour?.({ kind, peerId, isConfigured: this.#isKnown(peerId) });
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
