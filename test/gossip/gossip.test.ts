import type { Libp2p } from 'libp2p';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import { rejected } from '../../src/tangle/outcome.ts';
import { aMessage } from '../support/messages.ts';
import { testNetwork } from '../support/messages.ts';
import { RawPeer, rawFrame, rawHeartbeat } from '../support/raw-peer.ts';
import { aFolder } from '../support/folder.ts';
import { elsewhere, openTestGossip, until } from './harness.ts';
import type { TestGossip } from './harness.ts';

const isUp = ({ gossip }: TestGossip): boolean =>
  gossip.neighbours().some(({ connected }) => connected);

/** It dials nobody, and of two connections with one peer one is closed. */
const isSettled = ({ host: { libp2p } }: TestGossip): boolean =>
  libp2p.getDialQueue().length === 0 && libp2p.getConnections().length === 1;

/** From now on connections go in the moment in which a stream is open on them, until the answer is called. */
function breakStreams(libp2p: Libp2p): () => void {
  const { dial } = libp2p;
  libp2p.dial = async (...asked) => {
    const connection = await dial.apply(libp2p, asked);
    const { newStream } = connection;
    connection.newStream = async (...wanted) => {
      const stream = await newStream.apply(connection, wanted);
      connection.abort(new Error('Gone.'));
      return stream;
    };
    return connection;
  };
  return () => {
    libp2p.dial = dial;
  };
}

const metricsOf = ({ gossip }: TestGossip) => gossip.neighbours()[0]!.gossip!.metrics;

const refuse = (code: ErrorCode) => () => Promise.resolve(rejected(code));

/** The second names the first; the first knows the second by its id. */
async function openPair(
  opening: AsyncDisposableStack,
  wish: Parameters<typeof openTestGossip>[0] = {},
): Promise<readonly [TestGossip, TestGossip]> {
  const first = opening.use(await openTestGossip(wish));
  const second = opening.use(await openTestGossip({ neighbours: [first.address] }));
  await first.gossip.addNeighbour(elsewhere(second.host.peerId), 'second');
  await until(() => isUp(first) && isUp(second));
  return [first, second];
}

describe('gossip', () => {
  it('exchanges heartbeats when a stream opens', async () => {
    await using opening = new AsyncDisposableStack();
    const [first, second] = await openPair(opening);
    await until(() => metricsOf(first).receivedHeartbeats > 0);
    await until(() => metricsOf(second).receivedHeartbeats > 0);
    expect(first.gossip.neighbours()[0]).toMatchObject({
      alias: 'second',
      relation: 'known',
      gossip: { heartbeat: { connectedNeighbors: expect.any(Number) as number } },
    });
    expect(first.events).toEqual([{ kind: 'up', peerId: second.host.peerId, isConfigured: true }]);
  });

  it('passes a message on, but not to where it came from', async () => {
    await using opening = new AsyncDisposableStack();
    const [first, second] = await openPair(opening);
    const [theirs, own] = [aMessage({ data: 'theirs' }), aMessage({ data: 'own' })];
    second.gossip.forward([theirs]);
    await until(() => first.received.length === 1);
    first.gossip.forward([theirs, own]);
    await until(() => second.received.length === 1);
    expect(second.received).toEqual([messageIdHex(own.id)]);
  });

  it('answers a request for a message that it holds', async () => {
    await using opening = new AsyncDisposableStack();
    const [held, missing] = [aMessage({ data: 'held' }), aMessage({ data: 'missing' })];
    const [first, second] = await openPair(opening, { held: [held] });
    expect(second.gossip.requestMessage(first.host.peerId, missing.id)).toBe(true);
    expect(second.gossip.requestMessage(first.host.peerId, held.id)).toBe(true);
    await until(() => second.received.length > 0);
    expect(second.received).toEqual([messageIdHex(held.id)]);
    expect(metricsOf(first).receivedMessageRequests).toBe(2);
    expect(second.gossip.requestMessage('nobody', held.id)).toBe(false);
  });

  it('counts requests for milestones and answers none, and those of a wrong size cost the connection', async () => {
    await using opening = new AsyncDisposableStack();
    const victim = opening.use(await openTestGossip());
    await victim.gossip.addNeighbour(
      elsewhere('12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'),
    );
    const peer = opening.use(await RawPeer.open());
    const stream = await peer.connect(victim.address, testNetwork.id);
    await stream.write(rawHeartbeat);
    for (const index of [0, 1, 0xffffffff]) {
      const body = Buffer.alloc(4);
      body.writeUInt32LE(index);
      await stream.write(rawFrame(1, body));
    }
    const seen = () => victim.gossip.totals().receivedMilestoneRequests;
    await until(() => seen() === 3);
    expect(victim.gossip.totals()).toMatchObject({ sentMessages: 0, sentMilestoneRequests: 0 });
    await stream.write(rawFrame(1, Buffer.alloc(5)));
    await stream.closed;
    expect([seen(), victim.gossip.banned.peers]).toEqual([3, 1]);
    expect(victim.gossip.tallies.banned.get('FRAME_INVALID')).toBe(1);
  });

  it('spends the budget for requests on those for milestones too', async () => {
    await using opening = new AsyncDisposableStack();
    const held = aMessage({ data: 'held' });
    const victim = opening.use(await openTestGossip({ held: [held] }));
    await victim.gossip.addNeighbour(
      elsewhere('12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'),
    );
    const peer = opening.use(await RawPeer.open());
    const stream = await peer.connect(victim.address, testNetwork.id);
    // The clock stands still, so what is spent does not come back.
    const all = Array.from({ length: 2_000 }, () => rawFrame(1, Buffer.alloc(4)));
    await stream.write(Buffer.concat([...all, rawFrame(3, held.id)]));
    await until(() => victim.gossip.totals().receivedMessageRequests === 1);
    expect(victim.gossip.totals().sentMessages).toBe(0);
    victim.clock.advance(1_000);
    await stream.write(rawFrame(3, held.id));
    await until(() => victim.gossip.totals().sentMessages === 1);
  });

  it('carries thousands of messages in order', async () => {
    await using opening = new AsyncDisposableStack();
    const [first, second] = await openPair(opening);
    const messages = Array.from({ length: 3_000 }, (_, n) =>
      aMessage({ data: `${n}`.padEnd(200), minScore: 0 }),
    );
    first.gossip.forward(messages);
    await until(() => second.received.length === messages.length);
    expect(second.received).toEqual(messages.map(({ id }) => messageIdHex(id)));
  });

  it('bans whoever sends what any honest node refuses, also after a restart', async () => {
    await using folder = await aFolder();
    const open = (neighbours: readonly string[]) =>
      openTestGossip({ submit: refuse('POW_INSUFFICIENT'), neighbours, dataDir: folder.path });
    let victim = await open([]);
    await using sender = await openTestGossip({ neighbours: [victim.address] });
    await victim.gossip.addNeighbour(elsewhere(sender.host.peerId));
    await until(() => isUp(sender));
    sender.gossip.forward([aMessage()]);
    await until(() => victim.events.some(({ kind }) => kind === 'down'));
    await victim[Symbol.asyncDispose]();
    victim = await open([]);
    try {
      const [address] = victim.host.libp2p.getMultiaddrs();
      const dial = sender.host.libp2p.dial(address!);
      const ping = dial.then((connection) => connection.newStream('/ipfs/ping/1.0.0'));
      await expect(ping).rejects.toBeInstanceOf(Error);
      await sender.gossip.addNeighbour(victim.address);
      victim.clock.advance(60_001);
      await until(() => {
        sender.clock.advance(60_000);
        return victim.events.some(({ kind }) => kind === 'up');
      });
    } finally {
      await victim[Symbol.asyncDispose]();
    }
  });

  it('never holds against a neighbour what only this node refuses', async () => {
    await using opening = new AsyncDisposableStack();
    const [first, second] = await openPair(opening, { submit: refuse('PARENT_UNKNOWN') });
    second.gossip.forward([aMessage(), aMessage({ data: 'another' })]);
    await until(() => first.received.length === 2);
    await setImmediate();
    expect(first.events.map(({ kind }) => kind)).toEqual(['up']);
  });

  it('drops a neighbour that fell silent', async () => {
    await using opening = new AsyncDisposableStack();
    const [first, second] = await openPair(opening);
    // The other clock stands still: after what is new is told, no heartbeat is due there.
    await until(() => {
      first.clock.advance(50_000);
      return first.events.some(({ kind }) => kind === 'down');
    });
    expect(second.events.map(({ kind }) => kind)).toContain('up');
  });

  it('accepts no strangers while it was told of no neighbours', async () => {
    await using lonely = await openTestGossip();
    await using stranger = await openTestGossip({ neighbours: [lonely.address] });
    for (let dials = 0; dials < 3; dials++) {
      stranger.clock.advance(200_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect([...lonely.events, ...stranger.events.filter(({ kind }) => kind === 'up')]).toEqual([]);
  });

  it('keeps one stream when both dial at the same time', async () => {
    await using opening = new AsyncDisposableStack();
    const first = await openTestGossip({ dataDir: opening.use(await aFolder()).path });
    await using second = await openTestGossip({ neighbours: [first.address] });
    await first.gossip.addNeighbour(second.address);
    // Before, a message may go with the stream that is not kept; catch-up brings it then.
    await until(() => [first, second].every((one) => isUp(one) && isSettled(one)));
    second.gossip.forward([aMessage()]);
    await until(() => first.received.length === 1);
    expect([first, second].map(({ gossip }) => gossip.connectedPeerIds)).toEqual([
      [second.host.peerId],
      [first.host.peerId],
    ]);
    await first[Symbol.asyncDispose]();
    await until(() => !isUp(second));
  });

  it('takes no neighbour for connected whose connection went while its stream was opened', async () => {
    await using first = await openTestGossip();
    await using second = await openTestGossip();
    await first.gossip.addNeighbour(elsewhere(second.host.peerId));
    const heal = breakStreams(second.host.libp2p);
    await second.gossip.addNeighbour(first.address);
    await until(() => second.gossip.tallies.dials.get('connected') !== 0);
    expect([isUp(second), second.events]).toEqual([false, []]);
    heal();
    await until(() => {
      second.clock.advance(1_000);
      return isUp(second);
    });
  });

  it('dials a neighbour where it was last said to be', async () => {
    await using first = await openTestGossip();
    await using second = await openTestGossip();
    await second.gossip.addNeighbour(elsewhere(first.host.peerId));
    await first.gossip.addNeighbour(elsewhere(second.host.peerId), 'old address');
    await first.gossip.addNeighbour(second.address, 'new address');
    await until(() => isUp(first));
    expect(first.gossip.neighbours()).toMatchObject([
      { alias: 'new address', multiAddresses: [second.address], relation: 'known' },
    ]);
  });

  it('passes over its own address in a list that all nodes share', async () => {
    await using folder = await aFolder();
    const first = await openTestGossip({ dataDir: folder.path });
    const own = elsewhere(first.host.peerId);
    await expect(first.gossip.addNeighbour(own)).rejects.toMatchObject({
      code: 'NEIGHBOUR_INVALID',
    });
    await first[Symbol.asyncDispose]();
    await using again = await openTestGossip({ dataDir: folder.path, neighbours: [own] });
    expect(again.gossip.neighbours()).toEqual([]);
  });

  it('keeps neighbours that were added, and forgets those that were removed', async () => {
    await using folder = await aFolder();
    await using other = await openTestGossip();
    const first = await openTestGossip({ dataDir: folder.path });
    await first.gossip.addNeighbour(other.address, 'friend');
    await first[Symbol.asyncDispose]();
    const second = await openTestGossip({ dataDir: folder.path });
    expect(second.gossip.neighbours()).toMatchObject([{ id: other.host.peerId, alias: 'friend' }]);
    await second.gossip.removeNeighbour(other.host.peerId);
    await expect(second.gossip.removeNeighbour(other.host.peerId)).rejects.toMatchObject({
      code: 'NEIGHBOUR_UNKNOWN',
    });
    await second[Symbol.asyncDispose]();
    await using third = await openTestGossip({ dataDir: folder.path });
    expect(third.gossip.neighbours()).toEqual([]);
  });
});
