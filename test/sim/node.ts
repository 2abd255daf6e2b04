// A node of the simulation: the real door, tips, fetcher and catch-up on a fake network and a store in memory.
import { CatchUp } from '../../src/gossip/catch-up.ts';
import { Cursors } from '../../src/gossip/cursors.ts';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex, messageIdOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { verifyWork } from '../../src/pow/verify.ts';
import type { Candidate } from '../../src/tangle/candidate.ts';
import { Fetcher } from '../../src/tangle/fetcher.ts';
import { Intake } from '../../src/tangle/intake.ts';
import { TipPool } from '../../src/tangle/tips.ts';
import { aMessage } from '../support/messages.ts';
import { intakeOptions } from '../support/tangle.ts';
import { MemoryStore } from './memory-store.ts';
import type { World } from './world.ts';

/** What ends with the process. */
interface Running {
  readonly intake: Intake;
  readonly tips: TipPool;
  readonly fetcher: Fetcher;
  readonly catchUp: CatchUp;
  /** By message id: who sent it, so that it is not sent back. */
  readonly senders: Map<string, Set<number>>;
}

export class SimNode {
  readonly number: number;
  readonly store: MemoryStore;
  readonly neighbours: SimNode[] = [];
  /** What went wrong and must not. */
  readonly faults: string[] = [];
  readonly #world: World;
  #cursorText: string | undefined;
  #running: Running | undefined;

  constructor(number: number, world: World) {
    this.number = number;
    this.#world = world;
    this.store = new MemoryStore(world.chance.hex(16), world.maxParentAgeMs);
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  get pendingCount(): number {
    return this.#running?.intake.pendingCount ?? 0;
  }

  async start(): Promise<void> {
    const world = this.#world;
    const common = { clock: world, setTimer: world.setTimer, log: silentLogger };
    const tips = new TipPool({ clock: world, random: world.chance.next });
    const fetcher = new Fetcher({
      ...common,
      neighbours: () => this.neighbours.filter(({ isUp }) => isUp).map(nameOf),
      request: (peerId, id) => {
        const peer = this.#named(peerId);
        world.send(this.number, peer.number, () => peer.onRequest(this, id));
        return true;
      },
      onRested: () => intake.tellWaiting(),
    });
    const intake: Intake = new Intake(
      { ...intakeOptions, maxParentAgeMs: world.maxParentAgeMs },
      {
        ...common,
        store: this.store,
        tips,
        verifyWork,
        announce: (messages) => {
          fetcher.arrived(messages.map(({ id }) => id));
          this.#forward(messages);
        },
        onMissing: (blocked) => fetcher.want(blocked),
      },
    );
    const file = {
      read: () => Promise.resolve(this.#cursorText),
      replace: (text: string) => Promise.resolve(void (this.#cursorText = text)),
    };
    const catchUp = new CatchUp({
      ...common,
      store: this.store,
      cursors: await Cursors.open(file, this.store),
      submit: (bytes, source) => world.work(intake.submit(bytes, source)),
      openChannel: (peerId) => Promise.resolve(this.#openChannel(this.#named(peerId))),
      isTrusted: () => true,
      isNamed: () => true,
      onBoundary: (tipFloorSeq) => intake.restoreSoon(tipFloorSeq),
      onMisbehaviour: (peerId, { message }) => this.faults.push(`${peerId}: ${message}`),
    });
    await intake.restore();
    this.#running = { intake, tips, fetcher, catchUp, senders: new Map() };
    intake.tellWaiting();
    for (const neighbour of this.neighbours.filter(({ isUp }) => isUp)) {
      neighbour.#running?.catchUp.follow(nameOf(this));
      catchUp.follow(nameOf(neighbour));
    }
  }

  /** As a crash would: what is on its way to this node is lost. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    for (const neighbour of this.neighbours) neighbour.#running?.catchUp.leave(nameOf(this));
    running.fetcher[Symbol.dispose]();
    await running.catchUp[Symbol.asyncDispose]();
    await running.intake[Symbol.asyncDispose]();
  }

  /** A client's message on this node's tips. */
  async attach(data: string): Promise<MessageId | undefined> {
    if (this.#running === undefined) return undefined;
    const { intake, tips } = this.#running;
    const { id, bytes } = aMessage({ parents: tips.select(), data });
    const outcome = await this.#world.work(intake.submit(bytes, 'client'));
    return outcome.kind === 'accepted' ? id : undefined;
  }

  /** Keeps that many messages, what is younger, and the tips. */
  async prune(keptCount: number, minAgeMs: number): Promise<void> {
    const keepIds = this.#running?.tips.select(Infinity) ?? [];
    const minAgeSeq = await this.store.seqOlderThan(this.#world.now() - minAgeMs);
    await this.store.cut({ upToSeq: Math.min(this.store.lastSeq - keptCount, minAgeSeq), keepIds });
  }

  onMessage(sender: SimNode, bytes: Uint8Array): void {
    if (this.#running === undefined) return;
    const { intake, senders } = this.#running;
    const key = messageIdHex(messageIdOf(bytes));
    senders.set(key, (senders.get(key) ?? new Set()).add(sender.number));
    void this.#world.work(intake.submit(bytes, `peer:${nameOf(sender)}`));
  }

  onRequest(asker: SimNode, id: MessageId): void {
    const found = this.#running === undefined ? undefined : this.store.get(id);
    if (found !== undefined) this.#sendMessage(asker, found.bytes);
  }

  #forward(messages: readonly Candidate[]): void {
    for (const { key, bytes } of messages) {
      const senders = this.#running?.senders.get(key);
      this.#running?.senders.delete(key);
      for (const neighbour of this.neighbours) {
        if (senders?.has(neighbour.number) !== true) this.#sendMessage(neighbour, bytes);
      }
    }
  }

  #sendMessage(to: SimNode, bytes: Uint8Array): void {
    this.#world.send(this.number, to.number, () => to.onMessage(this, bytes));
  }

  #openChannel(peer: SimNode) {
    const isUp = peer.isUp && this.#world.hasCatchUp;
    const ends = isUp ? this.#world.connect(this.number, peer.number) : undefined;
    if (ends === undefined) return undefined;
    void peer.#running?.catchUp.accept(nameOf(this), ends[1]);
    return ends[0];
  }

  #named(peerId: string): SimNode {
    const found = this.neighbours.find((neighbour) => nameOf(neighbour) === peerId);
    if (found === undefined) throw new Error(`${peerId} is no neighbour`);
    return found;
  }
}

function nameOf({ number }: SimNode): string {
  return `node ${number}`;
}
