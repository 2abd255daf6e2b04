import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import type { Host } from '../../src/gossip/host.ts';
import { logAnswers, minAnswerBytes } from '../../src/gossip/limits.ts';
import { encodeSyncFrame, maxAnswerBytes, noLogId } from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { eventually } from '../support/eventually.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage } from '../support/messages.ts';
import {
  aTangleOf,
  attach,
  caughtUp,
  follow,
  idsOf,
  openTestHost,
  openTestNode,
  protocol,
} from './sync-harness.ts';
import type { TestNode } from './sync-harness.ts';

describe('catch-up', () => {
  it('reads a log of several pages, then only what is new, also after a restart', async () => {
    await using folders = new AsyncDisposableStack();
    const [serving, following] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const messages = aTangleOf(1_100);
    await using server = await openTestNode({ dataDir: serving.path });
    await attach(server, messages.slice(0, 1_050));
    {
      await using node = await openTestNode({ dataDir: following.path });
      expect(node.catchUp.state()).toEqual({
        isFirstRunning: false,
        hasCaughtUp: false,
        isCurrent: false,
        neighbours: [],
      });
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

  it('is the first one once only, however much comes later', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const busy: Outcome = { kind: 'busy', error: new TangleError('INTAKE_BUSY') };
    let answer: Outcome | undefined = busy;
    await using server = await openTestNode({ dataDir: one.path });
    await using node = await openTestNode({ dataDir: two.path, answer: () => answer });
    const messages = aTangleOf(10);
    await attach(server, messages.slice(0, 5));
    await follow(node, server.host);
    await eventually(() => expect(node.submitted.length).toBeGreaterThan(0));
    expect(node.catchUp.state().isFirstRunning).toBe(true);
    answer = undefined;
    await eventually(() => {
      node.clock.advance(100);
      expect(node.catchUp.state().hasCaughtUp).toBe(true);
    });
    await attach(server, messages.slice(5));
    answer = busy;
    await eventually(() => {
      node.clock.advance(30_000);
      expect(node.catchUp.state().neighbours[0]?.isReading).toBe(true);
    });
    expect(node.catchUp.state().isFirstRunning).toBe(false);
    answer = undefined;
    await eventually(() => {
      node.clock.advance(100);
      expect(node.tangle.store.messageCount).toBe(10);
    });
  });

  it('reads one log at a time from the beginning, unless that one delivers nothing', async () => {
    await using folders = new AsyncDisposableStack();
    const folder = async (): Promise<string> => folders.use(await aFolder()).path;
    await using silent = await openTestHost(await folder());
    const opened = Promise.withResolvers<Stream>();
    await silent.libp2p.handle(protocol, (stream) => opened.resolve(stream));
    await using server = await openTestNode({ dataDir: await folder() });
    await using node = await openTestNode({ dataDir: await folder() });
    await attach(server, aTangleOf(3));
    await follow(node, silent);
    await opened.promise;
    await follow(node, server.host);
    node.clock.advance(59_000);
    expect(node.submitted).toEqual([]);
    await eventually(() => {
      node.clock.advance(1_000);
      expect(node.tangle.store.messageCount).toBe(3);
    });
  });

  it.each(['named', 'unnamed'])(
    'reaches a neighbour that is %s past strangers who say nothing',
    async (kind) => {
      await using folders = new AsyncDisposableStack();
      const folder = async (): Promise<string> => folders.use(await aFolder()).path;
      await using server = await openTestNode({ dataDir: await folder() });
      await attach(server, aTangleOf(3));
      const named = kind === 'named' ? [server.host.peerId] : [];
      await using node = await openTestNode({ dataDir: await folder(), named });
      let asked = 0;
      for (let n = 0; n < 3; n++) {
        const silent = folders.use(await openTestHost(await folder()));
        await silent.libp2p.handle(protocol, () => void (asked += 1));
        await follow(node, silent);
      }
      await eventually(() => expect(asked).toBe(1));
      await follow(node, server.host);
      const beganMs = node.clock.now();
      await eventually(() => {
        if (kind === 'unnamed') node.clock.advance(1_000);
        expect(node.tangle.store.messageCount).toBe(3);
      });
      expect(node.clock.now() - beganMs).toBeLessThan(600_000);
    },
  );

  it('leaves places to neighbours that are named, however long strangers take', async () => {
    await using folders = new AsyncDisposableStack();
    const folder = async (): Promise<string> => folders.use(await aFolder()).path;
    await using server = await openTestNode({ dataDir: await folder() });
    await attach(server, aTangleOf(3));
    const named = [server.host.peerId];
    await using node = await openTestNode({ dataDir: await folder(), named });
    const asked: string[] = [];
    for (let n = 0; n < 4; n++) {
      const { bytes } = aMessage({ data: `dribbled ${n}` });
      const slow = folders.use(await openTestHost(await folder()));
      await slow.libp2p.handle(protocol, (stream) => {
        stream.addEventListener('message', () => {
          // One page, so that there is a cursor, and then nothing.
          if (!asked.includes(slow.peerId)) send(stream, page(1), record(1, bytes));
          asked.push(slow.peerId);
        });
      });
      await follow(node, slow);
      await eventually(() => {
        node.clock.advance(1_000);
        expect(new Set(asked).size).toBe(Math.min(n + 1, 2));
      });
    }
    await follow(node, server.host);
    await eventually(() => expect(node.tangle.store.messageCount).toBeGreaterThanOrEqual(5));
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

  it('that asks without end is answered no faster than all followers together may be', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using hostile = await openTestHost(one.path);
    await using node = await openTestNode({ dataDir: two.path });
    const stream = await dialled(hostile, node);
    const answer = encodeSyncFrame({ type: 'page', logId: noLogId, lastSeq: 0, count: 0 });
    let receivedBytes = 0;
    const ask = encodeSyncFrame({ type: 'ask', logId: noLogId, fromSeq: 1 });
    stream.addEventListener('message', ({ data }) => {
      receivedBytes += data.byteLength;
      // Each answer earns the next question, so that there is always one.
      setImmediate(() => stream.writeStatus === 'writable' && stream.send(ask));
    });
    stream.send(ask);
    const atOnce = logAnswers.burst / minAnswerBytes;
    await eventually(() =>
      expect(receivedBytes / answer.length).toBeGreaterThanOrEqual(atOnce + 1),
    );
    expect(receivedBytes / answer.length).toBe(atOnce + 1);
    node.clock.advance(1_000);
    await eventually(() => expect(receivedBytes / answer.length).toBeGreaterThan(1.9 * atOnce));
    expect(receivedBytes / answer.length).toBeLessThanOrEqual(2 * atOnce + 1);
  });
});
