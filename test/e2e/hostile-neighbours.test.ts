// Neighbours that mean harm, against the shipped node: raw libp2p peers that know nothing of our code. It
// drops or bounds them, and an honest neighbour and a client are served all the while.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { genesisId, networkIdOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { attach, isAcknowledged, readRaw } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aMessage } from '../support/messages.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';
import { RawPeer, rawFrame, rawHeartbeat } from '../support/raw-peer.ts';
import type { RawStream } from '../support/raw-peer.ts';

const MiB = 1024 * 1024;
const networkId = networkIdOf('midge-private');
const maxGrowthBytes = 96 * MiB;

async function residentBytes(node: NodeProcess): Promise<number> {
  const status = await readFile(`/proc/${node.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

function withoutWork(): Uint8Array {
  const { bytes } = aMessage({ networkId, data: 'no work', minScore: 0 });
  return bytes;
}

/** What any honest node refuses at sight. */
const crimes: readonly (readonly [string, string, () => Uint8Array])[] = [
  ['a frame of no known type', 'FRAME_INVALID', () => rawFrame(9, new Uint8Array(8))],
  ['a frame beyond 32 KiB', 'FRAME_INVALID', () => rawFrame(2, new Uint8Array(), 60_000)],
  ['a short heartbeat', 'FRAME_INVALID', () => rawFrame(4, new Uint8Array(3))],
  ['HTTP', 'FRAME_INVALID', () => Buffer.from('GET / HTTP/1.1\r\n\r\n\u001B[31m')],
  ['garbage as a message', 'PARENTS_COUNT_INVALID', () => rawFrame(2, new Uint8Array(200))],
  [
    'a message of another network',
    'NETWORK_ID_MISMATCH',
    () => rawFrame(2, aMessage({ networkId: 5n }).bytes),
  ],
  ['a message without work', 'POW_INSUFFICIENT', () => rawFrame(2, withoutWork())],
];

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe('a hostile neighbour', () => {
  let resources: AsyncDisposableStack;
  let node: NodeProcess;
  let honest: RawStream;

  beforeAll(async () => {
    resources = new AsyncDisposableStack();
    const folder = resources.use(await aFolder());
    const friend = resources.use(await RawPeer.open());
    const settings = {
      'gossip.neighbours': `/ip4/127.0.0.1/tcp/1/p2p/${friend.peerId}`,
      'pow.workers': 1,
    };
    node = resources.use(await NodeProcess.start({ dataDir: folder.path, settings }));
    honest = await friend.connect(node.gossipAddress, networkId);
    await honest.write(rawHeartbeat);
  });
  afterAll(() => resources.disposeAsync());

  let messageCount = 0;

  /** A client's POST is answered and reaches the friend; the friend's message reaches the store. */
  async function expectOthersServed(): Promise<void> {
    const text = `all is well ${messageCount++}`;
    const answer = await attach(node.url, 'honest', text);
    expect(isAcknowledged(answer)).toBe(true);
    while (!Buffer.concat(honest.chunks).includes(text)) await pause();
    honest.chunks.length = 0;
    const message = aMessage({ networkId, data: `friend ${messageCount}` });
    expect(await honest.write(rawFrame(2, message.bytes))).toBe(true);
    const id = Buffer.from(message.id).toString('hex');
    while ((await readRaw(node.url, id)) === undefined) await pause();
  }

  it.each(crimes)('that sends %s is dropped and banned', async (...row) => {
    const [, code, makeBytes] = row;
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(node.gossipAddress, networkId);
    await stream.write(Buffer.concat([rawHeartbeat, makeBytes()]));
    await stream.closed;
    await node.logged(`"peerId":"${enemy.peerId}","code":"${code}"`);
    await expect(enemy.connect(node.gossipAddress, networkId)).rejects.toBeDefined();
    await expectOthersServed();
    expect(node.lines.filter((line) => line.includes('\u001B'))).toEqual([]);
  });

  it('of another network gets no stream', async () => {
    await using stranger = await RawPeer.open();
    await expect(stranger.connect(node.gossipAddress, 1n)).rejects.toBeDefined();
    await expectOthersServed();
  });

  it('that floods messages is slowed, others are not', async () => {
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(node.gossipAddress, networkId);
    const before = await residentBytes(node);
    const { bytes } = aMessage({ networkId, data: 'again' });
    const flood = Buffer.concat(Array.from({ length: 500 }, () => rawFrame(2, bytes)));
    const flooding = (async () => {
      while (await stream.write(flood));
    })();
    for (let turn = 0; turn < 5; turn++) await expectOthersServed();
    stream.stream.abort(new Error('enough'));
    await flooding;
    expect((await residentBytes(node)) - before).toBeLessThan(maxGrowthBytes);
  });

  it('that asks without end gets no more than its share', async () => {
    const big: Acknowledged[] = [];
    for (let n = 0; n < 3; n++) {
      const answer = await attach(node.url, 'big', `${n}`.padEnd(30_000, '.'));
      if (isAcknowledged(answer)) big.push(answer);
    }
    expect(big).toHaveLength(3);
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(node.gossipAddress, networkId);
    const requests = big.map(({ id }) => rawFrame(3, Buffer.from(id, 'hex')));
    // 30 000 requests would earn 900 MB.
    const burst = Buffer.concat(Array.from({ length: 100 }, () => requests).flat());
    for (let n = 0; n < 100; n++) await stream.write(burst);
    await expectOthersServed();
    expect(stream.receivedBytes).toBeGreaterThan(30_000);
    expect(stream.receivedBytes).toBeLessThan(64 * MiB);
  });

  it('that does not read costs no more than its queue', async () => {
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(node.gossipAddress, networkId);
    stream.stopReading();
    // 2.5 MB, twice what the queue and the window of the stream hold.
    const before = await residentBytes(node);
    let parents: MessageId[] = [genesisId];
    for (let n = 0; n < 250; n++) {
      const message = aMessage({
        networkId,
        parents,
        data: `${n}`.padEnd(10_000, '.'),
      });
      await honest.write(rawFrame(2, message.bytes));
      parents = [message.id];
    }
    const [last] = parents;
    while ((await readRaw(node.url, Buffer.from(last!).toString('hex'))) === undefined) {
      await pause();
    }
    await expectOthersServed();
    expect((await residentBytes(node)) - before).toBeLessThan(maxGrowthBytes);
  });

  it('leaves the node well at the end', async () => {
    expect(honest.isOpen).toBe(true);
    expect((await fetch(`${node.url}/health`)).status).toBe(200);
    expect(await node.stop()).toBe(0);
    expect(node.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});
