// Gossip between hosts on loopback, with a door that a test looks through.
import type { Discovery } from '../../src/gossip/discovery.ts';
import { openGossip } from '../../src/gossip/gossip.ts';
import type { Gossip, GossipDeps, GossipOptions, NeighbourEvent } from '../../src/gossip/gossip.ts';
import { openHost } from '../../src/gossip/host.ts';
import type { Host } from '../../src/gossip/host.ts';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex, messageIdOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { HandClock } from '../support/clock.ts';
import { testNetwork } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { aFolder } from '../support/folder.ts';

export interface TestGossip extends AsyncDisposable {
  readonly host: Host;
  readonly gossip: Gossip;
  readonly clock: HandClock;
  /** What came through the door, as hex ids, in order. */
  readonly received: readonly string[];
  readonly events: readonly NeighbourEvent[];
  readonly droppedFor: readonly string[];
  readonly address: string;
}

export interface TestGossipWish {
  readonly neighbours?: readonly string[];
  readonly options?: Partial<GossipOptions>;
  readonly submit?: GossipDeps['submit'];
  readonly held?: readonly TestMessage[];
  readonly dataDir?: string;
  readonly makeDiscovery?: (host: Host, clock: HandClock) => Promise<Discovery>;
}

/** Its clock moves by hand, its ticks come by themselves, every few milliseconds. */
export async function openTestGossip(wish: TestGossipWish = {}): Promise<TestGossip> {
  await using opening = new AsyncDisposableStack();
  const dataDir = wish.dataDir ?? opening.use(await aFolder()).path;
  const bind = ['/ip4/127.0.0.1/tcp/0'];
  const host = opening.use(await openHost({ dataDir, bind, maxConnectionsPerSecond: 1_000 }));
  const clock = new HandClock();
  const received: string[] = [];
  const events: NeighbourEvent[] = [];
  const droppedFor: string[] = [];
  const held = new Map(wish.held?.map(({ id, bytes }) => [messageIdHex(id), bytes]));
  const discovery = await wish.makeDiscovery?.(host, clock);
  const gossip = opening.use(
    await openGossip(
      {
        networkId: testNetwork.id,
        dataDir,
        neighbours: wish.neighbours ?? [],
        admission: { maxUnknown: 4, maxUnknownPerBlock: 4 },
        maxBytesPerSecond: 1e9,
        tickIntervalMs: 20,
        ...wish.options,
      },
      {
        host,
        ...(discovery === undefined ? {} : { discovery }),
        clock,
        log: silentLogger,
        submit: (bytes, source) => {
          received.push(messageIdHex(messageIdOf(bytes)));
          return wish.submit?.(bytes, source) ?? Promise.resolve(accepted(messageIdOf(bytes)));
        },
        readMessage: (id) => held.get(messageIdHex(id)),
        onNeighbour: (event) => events.push(event),
        onDropped: (peerId) => droppedFor.push(peerId),
      },
    ),
  );
  const owned = opening.move();
  const address = host.addresses[0]!;
  const dispose = { [Symbol.asyncDispose]: () => owned.disposeAsync() };
  return Object.assign(dispose, { host, gossip, clock, received, events, droppedFor, address });
}

export const accepted = (id: MessageId): Outcome => ({ kind: 'accepted', id });

/** Where nobody listens, for a neighbour that is to come by itself. */
export const elsewhere = (peerId: string): string => `/ip4/127.0.0.1/tcp/1/p2p/${peerId}`;

/** Waits until it holds, looking again and again; the runner's time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
