// Neighbours that take connections, streams and the log without end, against the shipped node: each is bounded, and an
// honest neighbour and clients are served all the while.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxConnectionsPerPeer } from '../../src/gossip/limits.ts';
import { SyncDecoder, encodeSyncFrame, noLogId } from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { syncProtocol } from '../../src/gossip/sync-streams.ts';
import { aMessage } from '../support/messages.ts';
import { attach, isAcknowledged } from '../support/client.ts';
import { untilHealthy } from '../support/network.ts';
import { RawPeer, rawHeartbeat } from '../support/raw-peer.ts';
import type { RawStream } from '../support/raw-peer.ts';
import { Victim, excessOfBounded, excessOfStopped, networkId, pause } from '../support/victim.ts';
import type { Cost } from '../support/victim.ts';

const MiB = 1024 * 1024;
const gossip = `/iota-gossip/${networkId}/1.0.0`;
const sync = syncProtocol(networkId);
const maxUnknown = 3;
const maxConnections = 8;

const ask: SyncFrame = { type: 'ask', logId: noLogId, fromSeq: 1 };
const question = encodeSyncFrame(ask);

/** What no follower sends, or no server. */
const lies: readonly (readonly [string, Uint8Array])[] = [
  ['garbage', Buffer.alloc(4 * MiB, 'GET / HTTP/1.1\r\n\r\n')],
  ['questions without end', Buffer.alloc(4 * MiB, question)],
  ['a frame that is never whole', Uint8Array.of(3, 255, 255)],
  ['answers', encodeSyncFrame({ type: 'page', logId: noLogId, lastSeq: 9, count: 65_535 })],
  ['a number beyond all logs', Buffer.concat([question.subarray(0, -8), Buffer.alloc(8, 255)])],
];

describe('a neighbour that takes all it can get', () => {
  let victim: Victim;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    victim = await Victim.start({
      'gossip.max-unknown-neighbours': maxUnknown,
    });
    for (let n = 0; n < 20; n++) {
      const answer = await attach(victim.node.url, 'log', `${n}`.padEnd(30_000, '.'));
      if (!isAcknowledged(answer)) throw new Error(answer.body);
    }
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await victim[Symbol.asyncDispose]();
  });

  const openers: Record<string, (enemy: RawPeer) => Promise<unknown>> = {
    gossip: (enemy) => enemy.openStream(victim.address, gossip),
    'catch-up': (enemy) => enemy.openStream(victim.address, sync),
    'no protocol that there is': (enemy) => enemy.openStream(victim.address, '/none/1.0.0'),
    'nothing at all': (enemy) => enemy.openHalf(),
  };

  it.each(Object.keys(openers))('as streams for %s loses its connection', async (name) => {
    await using enemy = await RawPeer.open();
    let tried = 0;
    const cost = await victim.costOf(async () => {
      const connection = await enemy.dial(victim.address);
      const closed = once(connection, 'close');
      for (; tried < 2_000 && connection.status === 'open'; tried++) {
        await openers[name]!(enemy).catch(() => undefined);
        if (name === 'nothing at all' && tried % 100 === 99) await pause();
      }
      await closed;
    });
    expect(excessOfStopped(cost)).toEqual([]);
    expect(tried).toBeLessThan(1_000);
  });

  it('as connections from one address gets some', async () => {
    const own = Array.from({ length: 100 }, () => dial('127.0.200.1'));
    const cost = await victim.costOf(() => Promise.all(own.map(connected)));
    expect(excessOfStopped(cost)).toEqual([]);
    const openCount = own.filter(({ closed }) => !closed).length;
    expect(openCount).toBeLessThanOrEqual(5 * (1 + cost.tookMs / 1_000));
  });

  it('as silent connections from everywhere gets a few, for a moment', async () => {
    const before = victim.openCount;
    const own = Array.from({ length: 200 }, (_, n) => dial(`127.0.201.${n + 1}`));
    const cost = await victim.costOf(() => Promise.all(own.map(connected)));
    expect(excessOfStopped(cost)).toEqual([]);
    expect(victim.openCount - before).toBeLessThan(50);
    await Promise.all([...own, ...sockets].map(ended));
  });

  it('as neighbours gets their places', async () => {
    await using crowd = await Crowd.come(20, victim);
    expect(excessOfStopped(crowd.cost)).toEqual([]);
    expect(await victim.metric('midge_gossip_neighbours{relation="unknown"')).toBe(maxUnknown);
    expect(crowd.streams.filter(({ isOpen }) => isOpen).length).toBe(maxUnknown);
    expect(crowd.connectedCount).toBe(maxUnknown);
  });

  it.each(lies)('and sends %s to whoever tells of its log is banned', async (_, bytes) => {
    await using enemy = await RawPeer.open();
    const told = await victim.metric('midge_sync_told_bytes_total');
    const cost = await victim.costOf(async () => {
      const stream = await enemy.openStream(victim.address, sync);
      for (let at = 0; at < bytes.length; at += 64 * 1024) {
        if (!(await stream.write(bytes.subarray(at, at + 64 * 1024)))) break;
      }
      if (bytes.length === 3) stream.stream.abort(new Error('enough'));
      await stream.closed;
      if (bytes.length > 3)
        await victim.node.logged(`"peerId":"${enemy.peerId}","code":"FRAME_INVALID"`);
    });
    expect(excessOfStopped(cost)).toEqual([]);
    expect((await victim.metric('midge_sync_told_bytes_total')) - told).toBeLessThan(4 * MiB);
  });

  it('asks for the log and does not read it, holds two answers', async () => {
    await using enemy = await RawPeer.open();
    const stream = await enemy.openStream(victim.address, sync);
    stream.stopReading();
    const cost = await victim.costOf(async () => {
      for (let n = 0; n < 8; n++) await stream.write(question);
      const second = await enemy.openStream(victim.address, sync);
      await second.write(question);
      await second.closed;
    });
    expect(excessOfStopped(cost)).toEqual([]);
    expect(stream.isOpen).toBe(true);
  });

  it('asks over and over, is answered no faster than all may together', async () => {
    await using resources = new AsyncDisposableStack();
    const told = await victim.metric('midge_sync_told_bytes_total');
    const streams: RawStream[] = [];
    for (let n = 0; n < maxUnknown; n++) {
      const enemy = resources.use(await RawPeer.open());
      streams.push(await enemy.openStream(victim.address, sync));
    }
    const cost = await victim.costOf(() =>
      Promise.all(streams.map((stream) => askOverAndOver(stream, 1_200))),
    );
    expect(excessOfBounded(cost)).toEqual([]);
    const toldBytes = (await victim.metric('midge_sync_told_bytes_total')) - told;
    // Each answer counts 16 KiB, however little it says.
    expect(toldBytes).toBeGreaterThanOrEqual(1_200 * streams.length * 16 * 1024);
    expect(toldBytes).toBeLessThan(16 * MiB * (1 + cost.tookMs / 1_000) + MiB);
  });

  const answers: readonly (readonly [string, string, () => Uint8Array])[] = [
    ['a page without end', 'FRAME_INVALID', () => pageOf(65_535)],
    ['more than was asked for', 'FRAME_INVALID', () => Buffer.alloc(4 * MiB, recordOf(1, 30_000))],
    [
      'a log that goes back',
      'FRAME_INVALID',
      () => Buffer.concat([pageOf(2), recordOf(2), recordOf(1)]),
    ],
    ['a log that lacks parents', 'FRAME_INVALID', () => Buffer.concat([pageOf(1), orphan()])],
    [
      'a boundary',
      'FRAME_INVALID',
      () =>
        encodeSyncFrame({ type: 'boundary', logId: noLogId, cutSeq: 1, count: 9, isLast: false }),
    ],
    [
      'messages without work',
      'POW_INSUFFICIENT',
      () => Buffer.concat([pageOf(1), recordOf(1, 100, 0)]),
    ],
  ];

  it.each(answers)('and answers with %s is banned', async (_, code, makeBytes) => {
    await using enemy = await RawPeer.open();
    await enemy.libp2p.handle(sync, (stream) => {
      stream.addEventListener('message', () => stream.send(makeBytes()), { once: true });
    });
    const cost = await victim.costOf(async () => {
      const stream = await enemy.connect(victim.address, networkId);
      await stream.write(rawHeartbeat);
      await stream.closed;
      await victim.node.logged(`"peerId":"${enemy.peerId}","code":"${code}"`);
    });
    expect(excessOfStopped(cost)).toEqual([]);
  });

  it('as one neighbour gets few connections', async () => {
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(victim.address, networkId);
    const cost = await victim.costOf(async () => {
      for (let n = 0; n < 10; n++) {
        await enemy.dial(victim.address, { isAnother: true }).catch(() => undefined);
      }
    });
    expect(excessOfStopped(cost)).toEqual([]);
    expect(enemy.libp2p.getConnections().length).toBeLessThanOrEqual(maxConnectionsPerPeer);
    expect(stream.isOpen).toBe(true);
  });

  it('has no more connections than the settings say', async () => {
    await victim.restart((settings) => {
      settings['gossip.max-unknown-neighbours'] = 100;
      settings['gossip.max-connections'] = maxConnections;
    });
    await using crowd = await Crowd.come(20, victim);
    expect(excessOfStopped(crowd.cost)).toEqual([]);
    // One is that of the honest neighbour.
    expect(crowd.connectedCount).toBe(maxConnections - 1);
  });

  it('leaves the node well', async () => {
    await untilHealthy(victim.node);
    expect(await victim.node.stop()).toBe(0);
    expect(victim.node.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });

  function dial(localAddress: string): Socket {
    const port = Number(/\/tcp\/(\d+)\//.exec(victim.address)?.[1]);
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    sockets.push(socket);
    socket.on('error', () => undefined).resume();
    return socket;
  }
});

/** Peers that want to be neighbours, all at the same time. */
class Crowd implements AsyncDisposable {
  readonly #peers: readonly RawPeer[];
  readonly streams: readonly RawStream[];
  readonly cost: Cost;

  private constructor(peers: readonly RawPeer[], streams: readonly RawStream[], cost: Cost) {
    this.#peers = peers;
    this.streams = streams;
    this.cost = cost;
  }

  static async come(count: number, victim: Victim): Promise<Crowd> {
    const peers = await Promise.all(Array.from({ length: count }, () => RawPeer.open()));
    const streams: RawStream[] = [];
    const join = async (peer: RawPeer): Promise<void> => {
      const stream = await peer.connect(victim.address, networkId);
      streams.push(stream);
      await stream.write(rawHeartbeat);
    };
    const cost = await victim.costOf(() => Promise.allSettled(peers.map(join)));
    return new Crowd(peers, streams, cost);
  }

  get connectedCount(): number {
    return this.#peers.filter(({ libp2p }) => libp2p.getConnections().length > 0).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer[Symbol.asyncDispose]()));
  }
}

/** Until it is open, or will never be. */
const connected = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));

const ended = (socket: Socket): Promise<unknown> =>
  socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));

/** Whenever an answer has come as a whole the next question goes out, until there were so many. */
function askOverAndOver({ stream }: RawStream, answerCount: number): Promise<void> {
  const decoder = new SyncDecoder();
  const { promise, resolve } = Promise.withResolvers<void>();
  // Of a log that was never cut the genesis is all that stands before it.
  const cheapest = encodeSyncFrame({ type: 'ask-boundary', afterId: undefined });
  let answered = 0;
  let missing = 0;
  stream.addEventListener('message', ({ data }) => {
    decoder.push(data.subarray());
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      missing = frame.type === 'boundary' ? frame.count : missing - 1;
      if (missing > 0) continue;
      answered += 1;
      if (answered < answerCount) stream.send(cheapest);
      else resolve();
    }
  });
  // Some ahead, no more than may wait.
  for (let n = 0; n < 4; n++) stream.send(cheapest);
  return promise;
}

function pageOf(count: number): Uint8Array {
  return encodeSyncFrame({ type: 'page', logId: 'ab'.repeat(16), lastSeq: 1_000_000, count });
}

function recordOf(seq: number, sizeBytes = 10, minScore = 1): Uint8Array {
  const { bytes } = aMessage({ networkId, data: '.'.repeat(sizeBytes), minScore });
  return encodeSyncFrame({ type: 'record', seq, bytes });
}

function orphan(): Uint8Array {
  const parent = aMessage({ networkId, data: 'not sent' });
  const { bytes } = aMessage({ networkId, parents: [parent.id] });
  return encodeSyncFrame({ type: 'record', seq: 1, bytes });
}
