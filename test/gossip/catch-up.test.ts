import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it, vi } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import type { CatchUp } from '../../src/gossip/catch-up.ts';
import { openHost } from '../../src/gossip/host.ts';
import type { Host } from '../../src/gossip/host.ts';
import { encodeSyncFrame, maxAnswerBytes } from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { openCatchUp, syncProtocol } from '../../src/gossip/sync-streams.ts';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import type { Store } from '../../src/storage/store.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage, testNetwork } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { openTestTangle } from '../support/tangle.ts';
import type { TestTangle } from '../support/tangle.ts';

const protocol = syncProtocol(testNetwork.id);

function openTestHost(dataDir: string): Promise<Host> {
  const bind = ['/ip4/127.0.0.1/tcp/0'];
  return openHost({ dataDir, bind, maxConnectionsPerSecond: 1_000 });
}

/** Bounds a hang, not a duration. */
function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000 });
}

interface TestNode extends AsyncDisposable {
  readonly host: Host;
  readonly tangle: TestTangle;
  readonly catchUp: CatchUp;
  readonly clock: HandClock;
  /** What was handed to the door by catch-up. */
  readonly submitted: Uint8Array[];
  /** `peer code` */
  readonly misbehaved: string[];
}

interface Wish {
  readonly dataDir: string;
  /** What the door answers instead, first. */
  readonly firstOutcomes?: Outcome[];
  /** What others see of the log. */
  readonly log?: Partial<Pick<Store, 'logId' | 'cutSeq'>>;
}

async function openTestNode({ dataDir, firstOutcomes = [], log = {} }: Wish): Promise<TestNode> {
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
        store: {
          get logId() {
            return log.logId ?? store.logId;
          },
          get lastSeq() {
            return store.lastSeq;
          },
          get cutSeq() {
            return log.cutSeq ?? store.cutSeq;
          },
          get messageCount() {
            return store.messageCount;
          },
          readLog: (page) => store.readLog(page),
        },
        submit: (bytes, source) => {
          submitted.push(bytes);
          const outcome = firstOutcomes.shift();
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
async function follow(node: TestNode, other: Host): Promise<void> {
  await node.host.libp2p.dial(other.addresses.map((address) => multiaddr(address)));
  node.catchUp.follow(other.peerId);
}

function caughtUp(node: TestNode, other: TestNode): Promise<void> {
  const has = node.tangle.store;
  return eventually(() => {
    expect(has.messageCount).toBe(other.tangle.store.messageCount);
    expect(node.catchUp.state().neighbours[0]?.behindMessages).toBe(0);
  });
}

function aTangleOf(count: number): TestMessage[] {
  const messages: TestMessage[] = [];
  for (let n = 0; n < count; n++) {
    const parents = messages.slice(-2).map(({ id }) => id);
    messages.push(aMessage({ ...(parents.length > 0 ? { parents } : {}), data: `message ${n}` }));
  }
  return messages;
}

async function attach(node: TestNode, messages: readonly TestMessage[]): Promise<void> {
  for (const { bytes } of messages) await node.tangle.intake.submit(bytes, 'client');
}

async function idsOf({ tangle }: TestNode): Promise<string[]> {
  const log = await tangle.store.readLog({ fromSeq: 0, limit: 10_000, maxBytes: 100_000_000 });
  return log.map(({ id }) => messageIdHex(id)).toSorted();
}

describe('catch-up', () => {
  it('reads a log of several pages, then only what is new, also after a restart', async () => {
    await using folders = new AsyncDisposableStack();
    const [serving, following] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const messages = aTangleOf(1_100);
    await using server = await openTestNode({ dataDir: serving.path });
    await attach(server, messages.slice(0, 1_050));
    {
      await using node = await openTestNode({ dataDir: following.path });
      expect(node.catchUp.state()).toEqual({ isFirstRunning: false, neighbours: [] });
      await follow(node, server.host);
      await caughtUp(node, server);
      expect(await idsOf(node)).toEqual(await idsOf(server));
      expect(node.submitted).toHaveLength(1_050);
      await attach(server, messages.slice(1_050, 1_080));
      await eventually(() => expect(node.catchUp.state().isFirstRunning).toBe(false));
      // Nobody says a word; the clock alone makes it look again.
      await eventually(() => {
        node.clock.advance(30_000);
        expect(node.tangle.store.messageCount).toBe(1_080);
      });
      await eventually(() => expect(node.submitted).toHaveLength(1_080));
    }
    await attach(server, messages.slice(1_080));
    await using node = await openTestNode({ dataDir: following.path });
    await follow(node, server.host);
    await caughtUp(node, server);
    expect(node.submitted.length).toBeLessThanOrEqual(50);
    expect(await idsOf(node)).toEqual(await idsOf(server));
  });

  it('comes soon when it is told that something was not sent', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using server = await openTestNode({ dataDir: one.path });
    await using node = await openTestNode({ dataDir: two.path });
    await follow(node, server.host);
    await eventually(() => expect(node.catchUp.state().neighbours).toHaveLength(1));
    await attach(server, aTangleOf(3));
    await server.catchUp.nudge(node.host.peerId);
    await eventually(() => {
      node.clock.advance(100);
      expect(node.tangle.store.messageCount).toBe(3);
    });
    expect(node.clock.now() - new HandClock().now()).toBeLessThan(30_000);
  });

  it('brings again what the door had no room for', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const busy: Outcome = { kind: 'busy', error: new TangleError('INTAKE_BUSY') };
    await using server = await openTestNode({ dataDir: one.path });
    await using node = await openTestNode({ dataDir: two.path, firstOutcomes: [busy, busy, busy] });
    await attach(server, aTangleOf(5));
    await follow(node, server.host);
    await eventually(() => {
      node.clock.advance(100);
      expect(node.tangle.store.messageCount).toBe(5);
    });
    expect(node.misbehaved).toEqual([]);
  });

  it('starts over when the log is another one', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const log: { logId?: string } = {};
    await using server = await openTestNode({ dataDir: one.path, log });
    await using node = await openTestNode({ dataDir: two.path });
    await attach(server, aTangleOf(5));
    await follow(node, server.host);
    await caughtUp(node, server);
    log.logId = 'cd'.repeat(16);
    await eventually(() => {
      node.clock.advance(30_000);
      expect(node.submitted).toHaveLength(10);
    });
    expect(node.misbehaved).toEqual([]);
  });

  it('says so when the log was cut above the cursor', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using server = await openTestNode({ dataDir: one.path, log: { cutSeq: 3 } });
    await using node = await openTestNode({ dataDir: two.path });
    await attach(server, aTangleOf(5));
    await follow(node, server.host);
    await eventually(() => {
      expect(node.catchUp.state().neighbours[0]?.isBelowCut).toBe(true);
    });
    node.clock.advance(1_000);
    expect(node.catchUp.state().neighbours[0]?.behindMs).toBe(1_000);
    expect(node.tangle.store.messageCount).toBe(0);
  });

  it('leaves alone neighbours that do not speak it', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using stranger = await openTestHost(one.path);
    await using node = await openTestNode({ dataDir: two.path });
    await follow(node, stranger);
    await node.catchUp[Symbol.asyncDispose]();
    expect(node.misbehaved).toEqual([]);
    expect(node.catchUp.state().neighbours).toEqual([]);
  });
});

const logId = 'ab'.repeat(16);
const page = (count: number, lastSeq = 1_000_000): SyncFrame => ({
  type: 'page',
  logId,
  lastSeq,
  count,
});
const record = (seq: number, bytes: Uint8Array): SyncFrame => ({ type: 'record', seq, bytes });
const send = (stream: Stream, ...frames: SyncFrame[]) =>
  stream.send(Buffer.concat(frames.map(encodeSyncFrame)));
const weak = aMessage({ minScore: 0 });
const good = aMessage();
const orphan = aMessage({ parents: [weak.id] });

/** What a hostile server sends at once, to each question. */
const attacks: Record<string, (stream: Stream) => unknown> = {
  garbage: (stream) => stream.send(Buffer.alloc(100, 0xee)),
  'a frame without end': (stream) => stream.send(Buffer.from('03ffff00', 'hex')),
  'more than was asked for': (stream) => {
    const much = Buffer.concat([
      encodeSyncFrame(page(1)),
      Buffer.from('033d00', 'hex'),
      Buffer.alloc(60),
    ]);
    stream.send(much);
    stream.send(Buffer.alloc(2 * maxAnswerBytes, 3));
  },
  'what only a follower says': (stream) => send(stream, { type: 'ask', logId, fromSeq: 1 }),
  'a page larger than any': (stream) => send(stream, page(0xffff)),
  'a message without work': (stream) => send(stream, page(1), record(1, weak.bytes)),
  'a message that is none': (stream) => send(stream, page(1), record(1, Buffer.alloc(60))),
  'a log that goes back': (stream) =>
    send(stream, page(2), record(2, good.bytes), record(1, good.bytes)),
  'a log that lacks parents': (stream) => send(stream, page(1), record(1, orphan.bytes)),
};

describe('a hostile server', () => {
  it.each(Object.keys(attacks))('that sends %s is dropped', async (name) => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using hostile = await openTestHost(one.path);
    await hostile.libp2p.handle(protocol, (stream) => {
      stream.addEventListener('message', () => void attacks[name]?.(stream));
    });
    await using node = await openTestNode({ dataDir: two.path });
    await follow(node, hostile);
    await eventually(() => expect(node.misbehaved).toHaveLength(1));
    expect(node.misbehaved[0]).toMatch(hostile.peerId);
    expect(node.catchUp.state().neighbours).toEqual([]);
    expect(node.tangle.store.messageCount).toBeLessThanOrEqual(1);
  });

  it('that repeats one message for ever is dropped', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using hostile = await openTestHost(one.path);
    let seq = 0;
    await hostile.libp2p.handle(protocol, (stream) => {
      stream.addEventListener('message', () =>
        send(stream, page(2), record(++seq, good.bytes), record(++seq, good.bytes)),
      );
    });
    await using node = await openTestNode({ dataDir: two.path });
    await follow(node, hostile);
    await eventually(() => expect(node.misbehaved).toHaveLength(1));
    expect(node.tangle.store.messageCount).toBe(1);
  });

  it('that falls silent is left, and is no offender', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using silent = await openTestHost(one.path);
    const opened = Promise.withResolvers<Stream>();
    await silent.libp2p.handle(protocol, (stream) => opened.resolve(stream));
    await using node = await openTestNode({ dataDir: two.path });
    await follow(node, silent);
    const stream = await opened.promise;
    await eventually(() => {
      node.clock.advance(60_000);
      expect(stream.status).not.toBe('open');
    });
    expect(node.misbehaved).toEqual([]);
  });
});

async function dialled(host: Host, node: TestNode): Promise<Stream> {
  await host.libp2p.dial(node.host.addresses.map((address) => multiaddr(address)));
  const [connection] = host.libp2p.getConnections(peerIdFromString(node.host.peerId));
  return connection!.newStream(protocol);
}

describe('a hostile follower', () => {
  it('that sends garbage, or what nobody reads, is dropped', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using hostile = await openTestHost(one.path);
    await using node = await openTestNode({ dataDir: two.path });
    for (const bytes of [Buffer.alloc(64, 0xee), Buffer.alloc(100_000, 1)]) {
      const stream = await dialled(hostile, node);
      stream.send(bytes);
      await eventually(() => expect(stream.status).toBe('reset'));
    }
    expect(node.misbehaved).toHaveLength(2);
  });

  it('has one conversation at a time, and loses one in which it does nothing', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using hostile = await openTestHost(one.path);
    await using node = await openTestNode({ dataDir: two.path });
    const first = await dialled(hostile, node);
    const second = await dialled(hostile, node);
    await eventually(() => expect(second.status).toBe('reset'));
    expect(first.status).toBe('open');
    node.clock.advance(60_000);
    await eventually(() => expect(first.status).toBe('reset'));
  });
});
