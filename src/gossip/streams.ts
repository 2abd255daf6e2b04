// The streams of the neighbours that are connected, one for each. Of two the better stays, what became solid goes
// over all of them, and what one counted outlives it. Whom to let in is decided before.
import type { Connection, Stream } from '@libp2p/interface';
import { messageIdOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { peerIdOf } from '../tangle/tickets.ts';
import { isReplaced } from './admission.ts';
import { encodeFrame } from './frames.ts';
import { heartbeatOf } from './heartbeat.ts';
import type { NeighbourLimits } from './limits.ts';
import { Neighbour, addMetrics, noMetrics } from './neighbour.ts';
import type { NeighbourDeps, NeighbourMetrics } from './neighbour.ts';
import { Senders, senderKey } from './senders.ts';

/** Places for messages whose senders are remembered; 1 MiB. */
const rememberedMessages = 65_536;

export interface SolidMessage {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
}

export interface StreamsDeps extends Omit<NeighbourDeps, 'onMessage'> {
  readonly ownPeerId: string;
  readonly onUp: (neighbour: Neighbour) => void;
  readonly onDown: (neighbour: Neighbour) => void;
}

export class Streams {
  readonly #limits: NeighbourLimits;
  readonly #deps: StreamsDeps;
  readonly #senders = new Senders(rememberedMessages);
  readonly #neighbours = new Map<string, Neighbour>();
  /** Of the streams that are gone. */
  readonly #past = noMetrics();

  constructor(limits: NeighbourLimits, deps: StreamsDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  get peerIds(): readonly string[] {
    return [...this.#neighbours.keys()];
  }

  get neighbours(): readonly Neighbour[] {
    return [...this.#neighbours.values()];
  }

  get(peerId: string): Neighbour | undefined {
    return this.#neighbours.get(peerId);
  }

  has(peerId: string): boolean {
    return this.#neighbours.has(peerId);
  }

  /** To be called about every second. */
  tick(): void {
    const heartbeat = heartbeatOf(this.neighbours);
    for (const neighbour of this.#neighbours.values()) neighbour.tick(heartbeat);
  }

  /** Takes in a stream with a peer that may be a neighbour. */
  adopt(stream: Stream, connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    if (!this.#makeRoom(peerId, stream, connection)) return;
    const neighbour = new Neighbour({ peerId, connection, stream }, this.#limits, {
      ...this.#deps,
      onMessage: (id, from) => this.#senders.add(senderKey(id), from),
    });
    this.#neighbours.set(peerId, neighbour);
    stream.addEventListener('close', () => this.#forget(neighbour));
    this.#deps.onUp(neighbour);
    neighbour.tick(heartbeatOf(this.neighbours));
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

  /** Of all streams since the start. */
  totals(): Readonly<NeighbourMetrics> {
    const sum = { ...this.#past };
    for (const { metrics } of this.#neighbours.values()) addMetrics(sum, metrics);
    return sum;
  }

  /** Waiting to be sent, to all neighbours together. */
  get queuedBytes(): number {
    return this.neighbours.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
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
      { own: this.#deps.ownPeerId, peer: peerId },
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
    this.#deps.onDown(neighbour);
  }
}
