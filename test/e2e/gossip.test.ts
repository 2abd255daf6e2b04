// Real nodes on loopback: what one takes in, all have.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { openIdentity } from '../../src/gossip/identity.ts';
import { attach, isAcknowledged, readRaw } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

/** For each node the numbers of those that it names as neighbours; a name holds for both directions. */
type Shape = readonly (readonly number[])[];

interface Network extends AsyncDisposable {
  readonly nodes: NodeProcess[];
  /** Starts that node again on its folder, or for the first time. */
  restart(number: number): Promise<void>;
  /** Parts two neighbours, by their owner's word. */
  part(one: number, other: number): Promise<void>;
  join(one: number, other: number): Promise<void>;
}

/** Nobody listens there: that neighbour will come by itself. */
const elsewhere = '/ip4/127.0.0.1/tcp/1';

/** Nodes from `late` on are not started. */
async function openNetwork(shape: Shape, late = shape.length): Promise<Network> {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await aFolder());
  const folders = shape.map((_, number) => join(folder.path, String(number)));
  const peerIds: string[] = [];
  for (const dataDir of folders) {
    await mkdir(dataDir);
    peerIds.push(peerIdFromPrivateKey(await openIdentity(dataDir)).toString());
  }
  const nodes: NodeProcess[] = [];
  const start = (number: number): Promise<NodeProcess> => {
    const isNamed = (other: number): boolean =>
      shape[number]!.includes(other) || shape[other]!.includes(number);
    const neighbours = peerIds.flatMap((peerId, other) =>
      isNamed(other) ? [nodes[other]?.gossipAddress ?? `${elsewhere}/p2p/${peerId}`] : [],
    );
    const settings = { 'gossip.neighbours': neighbours, 'pow.workers': 1 };
    return NodeProcess.start({ dataDir: folders[number]!, settings });
  };
  for (let number = 0; number < late; number++) nodes.push(opening.use(await start(number)));
  const askOwner = async (number: number, route: string, body?: object) => {
    const [method, path] = route.split(' ') as [string, string];
    const token = (await readFile(join(folders[number]!, 'api.token'), 'utf8')).trim();
    const response = await fetch(`${nodes[number]!.url}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(await response.text());
  };
  const owned = opening.move();
  return {
    nodes,
    restart: async (number) => {
      nodes[number] = owned.use(await start(number));
    },
    part: async (one, other) => {
      await askOwner(one, `DELETE peers/${peerIds[other]}`);
      await askOwner(other, `DELETE peers/${peerIds[one]}`);
    },
    join: async (one, other) => {
      await askOwner(one, 'POST peers', { multiAddress: nodes[other]!.gossipAddress });
      await askOwner(other, 'POST peers', { multiAddress: nodes[one]!.gossipAddress });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits until the node says that a configured neighbour is connected. */
async function untilHealthy(node: NodeProcess): Promise<void> {
  while ((await fetch(`${node.url}/health`)).status !== 200) await pause();
}

async function untilHeld(node: NodeProcess, id: string): Promise<void> {
  while ((await readRaw(node.url, id)) === undefined) await pause();
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

/** Attaches at every node in turn; returns when all have each message. */
async function attachEverywhere(nodes: readonly NodeProcess[], text: string): Promise<void> {
  for (const [number, node] of nodes.entries()) {
    const answer = await attach(node.url, 'gossip', `${text} ${number}`);
    if (!isAcknowledged(answer)) throw new Error(JSON.stringify(answer));
    await Promise.all(nodes.map((other) => untilHeld(other, answer.id)));
  }
}

/** The ids that each node finds under the index key of this test. */
function storesOf(nodes: readonly NodeProcess[]): Promise<readonly string[][]> {
  return Promise.all(
    nodes.map(async ({ url }) => {
      const index = Buffer.from('gossip').toString('hex');
      const response = await fetch(`${url}/api/v1/messages?index=${index}`);
      const { data } = (await response.json()) as { data: { messageIds: string[] } };
      return data.messageIds.toSorted();
    }),
  );
}

/** What each node has, once all have so many messages. */
async function settled(nodes: readonly NodeProcess[], count: number): Promise<string[][]> {
  for (;;) {
    const stores = await storesOf(nodes);
    if (stores.every((ids) => ids.length >= count)) return [...stores];
    await pause();
  }
}

/** `count` different ids, the same everywhere. */
function areSame(stores: readonly string[][], count: number): boolean {
  const all = new Set(stores.map((ids) => ids.join()));
  return all.size === 1 && new Set(stores[0]).size === count;
}

async function attachAt(node: NodeProcess, text: string): Promise<string> {
  const answer = await attach(node.url, 'gossip', text);
  if (!isAcknowledged(answer)) throw new Error(JSON.stringify(answer));
  return answer.id;
}

const line: Shape = [[], [0], [1], [2], [3]];
const ring: Shape = [[], [0], [1], [2], [3, 0]];
const star: Shape = [[], [0], [0], [0], [0]];

describe('five nodes', () => {
  it.each<[string, Shape]>([
    ['in a line', line],
    ['in a ring', ring],
    ['in a star', star],
  ])('%s all have what each of them took in', async (_, shape) => {
    await using network = await openNetwork(shape);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'hello');
    expect(areSame(await settled(nodes, nodes.length), nodes.length)).toBe(true);
  });

  it('are five again after one was killed and started anew, and six when one joins late', async () => {
    await using network = await openNetwork([...ring, [2]], ring.length);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'before');
    await nodes[1]!.kill();
    await Promise.all([nodes[0]!, nodes[2]!].map((node) => node.logged('a neighbour is gone')));
    for (let n = 0; n < 20; n++) await attachAt(nodes[4]!, `while it was away ${n}`);
    await network.restart(1);
    expect(areSame(await settled(nodes, nodes.length + 20), nodes.length + 20)).toBe(true);
    await network.restart(5);
    expect(nodes).toHaveLength(6);
    expect(areSame(await settled(nodes, 25), 25)).toBe(true);
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'after');
    expect(areSame(await settled(nodes, 31), 31)).toBe(true);
  });

  it('that were parted into two Tangles are one again', async () => {
    await using network = await openNetwork(line);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'together');
    await network.part(1, 2);
    await nodes[1]!.logged('a neighbour is gone');
    for (let n = 0; n < 10; n++) {
      await attachAt(nodes[0]!, `on this side ${n}`);
      await attachAt(nodes[4]!, `on that side ${n}`);
    }
    expect(areSame(await settled(nodes.slice(0, 2), 15), 15)).toBe(true);
    expect(areSame(await settled(nodes.slice(2), 15), 15)).toBe(true);
    await network.join(1, 2);
    expect(areSame(await settled(nodes, 25), 25)).toBe(true);
  });
});
