// One neighbour on one stream of the field's protocol: what it sends is answered or goes to the door, what
// it is sent waits in its outbox. Decides nothing about other neighbours.
import type { Connection, Stream } from '@libp2p/interface';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { errorTable } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { messageIdOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Outcome } from '../tangle/outcome.ts';
import { Budget } from './budget.ts';
import { encodeFrame } from './frames.ts';
import type { Frame, Heartbeat } from './frames.ts';
import { Inbox } from './inbox.ts';
import type { NeighbourLimits } from './limits.ts';
import { heartbeatIntervalMs, maxSilenceMs, maxStallMs } from './limits.ts';
import { Outbox } from './outbox.ts';

/** While the door is busy, a message is offered again so often, and reading waits meanwhile. */
const offerIntervalMs = 250;
const maxOffers = 20;

/** Frames by kind since the stream opened, with the names of the field's API. */
export interface NeighbourMetrics {
  newMessages: number;
  knownMessages: number;
  receivedMessages: number;
  receivedMessageRequests: number;
  receivedMilestoneRequests: number;
  receivedHeartbeats: number;
  sentMessages: number;
  sentMessageRequests: number;
  sentMilestoneRequests: number;
  sentHeartbeats: number;
  droppedPackets: number;
}

/** Adds the counts of one stream to those of others. */
export function addMetrics(sum: NeighbourMetrics, more: Readonly<NeighbourMetrics>): void {
  for (const [name, count] of Object.entries(more)) {
    if (isMetric(sum, name)) sum[name] += count;
  }
}

function isMetric(metrics: NeighbourMetrics, name: string): name is keyof NeighbourMetrics {
  return name in metrics;
}

export interface NeighbourLink {
  readonly peerId: string;
  readonly connection: Connection;
  readonly stream: Stream;
}

/** Why a neighbour is dropped: a code whose blame is `sender`, or what it failed to do. */
export type Fault = ErrorCode | 'SILENT' | 'SLOW';

export interface NeighbourDeps {
  readonly clock: Clock;
  readonly submit: (bytes: Uint8Array, source: `peer:${string}`) => Promise<Outcome>;
  readonly readMessage: (id: MessageId) => Uint8Array | undefined;
  /** A message came from this neighbour; told before the door sees it. */
  readonly onMessage: (id: MessageId, peerId: string) => void;
  /** Told once; whoever hears it closes the neighbour. */
  readonly onFault: (neighbour: Neighbour, fault: Fault) => void;
  /** The first of the frames that find no room. */
  readonly onDropped: (peerId: string) => void;
}

export class Neighbour {
  readonly link: NeighbourLink;
  readonly openedMs: number;
  readonly metrics: NeighbourMetrics = noMetrics();
  readonly #deps: NeighbourDeps;
  readonly #source: `peer:${string}`;
  readonly #outbox: Outbox;
  readonly #requests: Budget;
  readonly #answerBytes: Budget;
  #heartbeat: Heartbeat | undefined;
  #heardMs: number;
  /** The whole frame; empty before the first. */
  #sentHeartbeat = new Uint8Array();
  #sentHeartbeatMs = 0;
  #fullSinceMs: number | undefined;
  #isFaulty = false;

  constructor(link: NeighbourLink, limits: NeighbourLimits, deps: NeighbourDeps) {
    const { clock } = deps;
    this.link = link;
    this.#source = `peer:${link.peerId}`;
    this.#deps = deps;
    this.openedMs = clock.now();
    this.#heardMs = this.openedMs;
    this.#outbox = new Outbox(link.stream, limits.outboxBytes);
    this.#requests = new Budget(limits.requests, clock);
    this.#answerBytes = new Budget(limits.answerBytes, clock);
    const inbox = new Inbox(link.stream, limits.inbox, {
      clock,
      handle: (frame) => this.#handle(frame),
      onBroken: () => this.#blame('FRAME_INVALID'),
    });
    inbox.start();
  }

  get peerId(): string {
    return this.link.peerId;
  }

  /** The last one received. */
  get heartbeat(): Heartbeat | undefined {
    return this.#heartbeat;
  }

  /** In its send queue. */
  get queuedBytes(): number {
    return this.#outbox.sizeBytes;
  }

  /** Sends a whole frame that holds a message. False when there was no room. */
  sendMessage(frame: Uint8Array): boolean {
    const isSent = this.#send(frame);
    if (isSent) this.metrics.sentMessages += 1;
    return isSent;
  }

  /** False when it cannot be asked now. */
  requestMessage(id: MessageId): boolean {
    const isSent = this.#send(encodeFrame({ type: 'message-request', id }));
    if (isSent) this.metrics.sentMessageRequests += 1;
    return isSent;
  }

  /** To be called about every second: sends the heartbeat when it is due, and notices silence. */
  tick(own: Heartbeat): void {
    const nowMs = this.#deps.clock.now();
    this.#sendHeartbeat(own, nowMs);
    if (nowMs - this.#heardMs >= maxSilenceMs) this.#blame('SILENT');
    this.#fullSinceMs = this.#outbox.isFull ? (this.#fullSinceMs ?? nowMs) : undefined;
    if (nowMs - (this.#fullSinceMs ?? nowMs) >= maxStallMs) this.#blame('SLOW');
  }

  /** When it says something new, and every so often. */
  #sendHeartbeat(heartbeat: Heartbeat, nowMs: number): void {
    const frame = encodeFrame({ type: 'heartbeat', heartbeat });
    const isNew = Buffer.compare(frame, this.#sentHeartbeat) !== 0;
    if (!isNew && nowMs - this.#sentHeartbeatMs < heartbeatIntervalMs) return;
    if (!this.#send(frame)) return;
    this.#sentHeartbeat = frame;
    this.#sentHeartbeatMs = nowMs;
    this.metrics.sentHeartbeats += 1;
  }

  #send(frame: Uint8Array): boolean {
    const wasFull = this.#outbox.isFull;
    if (this.#outbox.push(frame)) return true;
    this.metrics.droppedPackets += 1;
    if (!wasFull && this.#outbox.isFull) this.#deps.onDropped(this.peerId);
    return false;
  }

  #handle(frame: Frame): Promise<void> | undefined {
    switch (frame.type) {
      case 'message':
        this.metrics.receivedMessages += 1;
        return this.#takeIn(frame.bytes);
      case 'message-request':
        this.metrics.receivedMessageRequests += 1;
        this.#answer(frame.id);
        break;
      case 'milestone-request':
        this.metrics.receivedMilestoneRequests += 1;
        // What is not held is not answered: without keys that milestones are signed with, no message is one,
        // not even the latest. It costs as much of the budget as a request that is answered.
        this.#requests.take(1);
        break;
      case 'heartbeat':
        this.metrics.receivedHeartbeats += 1;
        this.#heartbeat = frame.heartbeat;
        this.#heardMs = this.#deps.clock.now();
        break;
    }
    return undefined;
  }

  /** A request of 32 bytes may earn 32 KiB, so requests and bytes both have a budget. */
  #answer(id: MessageId): void {
    if (!this.#requests.take(1)) return;
    const bytes = this.#deps.readMessage(id);
    if (bytes === undefined || !this.#answerBytes.take(bytes.length)) return;
    this.sendMessage(encodeFrame({ type: 'message', bytes }));
  }

  async #takeIn(bytes: Uint8Array): Promise<void> {
    this.#deps.onMessage(messageIdOf(bytes), this.peerId);
    let outcome = await this.#deps.submit(bytes, this.#source);
    if (outcome.kind === 'busy') outcome = await this.#offerAgain(bytes, outcome);
    if (outcome.kind === 'known') this.metrics.knownMessages += 1;
    if (outcome.kind === 'accepted' || outcome.kind === 'pending') this.metrics.newMessages += 1;
    if (outcome.kind !== 'rejected') return;
    const { code } = outcome.error;
    if (errorTable[code].blame === 'sender') this.#blame(code);
  }

  /** Still `busy` when the door stayed so, or the neighbour has gone. */
  async #offerAgain(bytes: Uint8Array, first: Outcome): Promise<Outcome> {
    let outcome = first;
    for (let offers = 1; offers < maxOffers && outcome.kind === 'busy'; offers++) {
      await setTimeout(offerIntervalMs, undefined, { ref: false });
      if (this.link.stream.status !== 'open') break;
      outcome = await this.#deps.submit(bytes, this.#source);
    }
    return outcome;
  }

  #blame(fault: Fault): void {
    if (this.#isFaulty) return;
    this.#isFaulty = true;
    this.#deps.onFault(this, fault);
  }
}

/** Before anything was counted. */
export function noMetrics(): NeighbourMetrics {
  return {
    newMessages: 0,
    knownMessages: 0,
    receivedMessages: 0,
    receivedMessageRequests: 0,
    receivedMilestoneRequests: 0,
    receivedHeartbeats: 0,
    sentMessages: 0,
    sentMessageRequests: 0,
    sentMilestoneRequests: 0,
    sentHeartbeats: 0,
    droppedPackets: 0,
  };
}
