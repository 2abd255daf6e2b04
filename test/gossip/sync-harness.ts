// Nodes that read each other's logs over libp2p on loopback: a real store and the real door, a clock moved by hand.
import { multiaddr } from '@multiformats/multiaddr';
import { expect } from 'vitest';
import type { CatchUp } from '../../src/gossip/catch-up.ts';
import { openHost } from '../../src/gossip/host.ts';
import type { Host } from '../../src/gossip/host.ts';
import { openCatchUp, syncProtocol } from '../../src/gossip/sync-streams.ts';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import type { Store } from '../../src/storage/store.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { HandClock } from '../support/clock.ts';
import { aMessage, testNetwork } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { eventually } from '../support/eventually.ts';
import { openTestTangle } from '../support/tangle.ts';
import type { TestTangle } from '../support/tangle.ts';

export const protocol = syncProtocol(testNetwork.id);

export function openTestHost(dataDir: string): Promise<Host> {
  const bind = ['/ip4/127.0.0.1/tcp/0'];
  return openHost({ dataDir, bind, maxConnectionsPerSecond: 1_000 });
}

export interface TestNode extends AsyncDisposable {
  readonly host: Host;
  readonly tangle: TestTangle;
  readonly catchUp: CatchUp;
  readonly clock: HandClock;
  /** What was handed to the door by catch-up. */
  readonly submitted: Uint8Array[];
  /** `peer code` */
  readonly misbehaved: string[];
}

export interface Wish {
  readonly dataDir: string;
  /** What the door answers instead, first. */
  readonly firstOutcomes?: Outcome[];
  /** What others see of the log. */
  readonly log?: Partial<Pick<Store, 'logId'>>;
  readonly trusted?: readonly string[];
  readonly named?: readonly string[];
  /** What the door answers as long as it says something. */
  readonly answer?: () => Outcome | undefined;
}

export async function openTestNode({
  dataDir,
  firstOutcomes = [],
  log = {},
  ...wish
}: Wish): Promise<TestNode> {
  await using opening = new AsyncDisposableStack();
  const clock = new HandClock();
  const tangle = opening.use(await openTestTangle({ dataDir, clock }));
  const { store } = tangle;
  const host = opening.use(await openTestHost(dataDir));
  const submitted: Uint8Array[] = [];
  const misbehaved: string[] = [];
  const catchUp = opening.use(
    await openCatchUp(
      { networkId: testNetwork.id, dataDir },
      {
        libp2p: host.libp2p,
        store: withLogId(store, () => log.logId ?? store.logId),
        isTrusted: (peerId) => wish.trusted?.includes(peerId) ?? false,
        isNamed: (peerId) => wish.named?.includes(peerId) ?? false,
        onBoundary: (tipFloorSeq) => tangle.intake.restoreSoon(tipFloorSeq),
        submit: (bytes, source) => {
          submitted.push(bytes);
          const outcome = firstOutcomes.shift() ?? wish.answer?.();
          return outcome === undefined
            ? tangle.intake.submit(bytes, source)
            : Promise.resolve(outcome);
        },
        onMisbehaviour: (peerId, { code }) => misbehaved.push(`${peerId} ${code}`),
        clock,
        setTimer: clock.setTimer,
        log: silentLogger,
      },
    ),
  );
  const owned = opening.move();
  return {
    host,
    tangle,
    catchUp,
    clock,
    submitted,
    misbehaved,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Connects, and follows. */
export async function follow(node: TestNode, other: Host): Promise<void> {
  await node.host.libp2p.dial(other.addresses.map((address) => multiaddr(address)));
  node.catchUp.follow(other.peerId);
}

export function caughtUp(node: TestNode, other: TestNode): Promise<unknown> {
  const has = node.tangle.store;
  return eventually(() => {
    expect(has.messageCount).toBe(other.tangle.store.messageCount);
    expect(node.catchUp.state().neighbours[0]?.behindMessages).toBe(0);
  });
}

export function aTangleOf(count: number): TestMessage[] {
  const messages: TestMessage[] = [];
  for (let n = 0; n < count; n++) {
    const parents = messages.slice(-2).map(({ id }) => id);
    messages.push(aMessage({ ...(parents.length > 0 ? { parents } : {}), data: `message ${n}` }));
  }
  return messages;
}

export async function attach(node: TestNode, messages: readonly TestMessage[]): Promise<void> {
  for (const { bytes } of messages) await node.tangle.intake.submit(bytes, 'client');
}

export async function idsOf({ tangle }: TestNode): Promise<string[]> {
  const log = await tangle.store.readLog({ fromSeq: 0, limit: 10_000, maxBytes: 100_000_000 });
  return log.map(({ id }) => messageIdHex(id)).toSorted();
}

function withLogId(store: Store, logId: () => string): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'logId') return logId();
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
