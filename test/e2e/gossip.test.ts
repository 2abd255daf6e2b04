// Real nodes on loopback: what one takes in, all have.
import { mkdir } from 'node:fs/promises';
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
  /** Starts that node again on its folder. */
  restart(number: number): Promise<void>;
}

/** Nobody listens there: that neighbour will come by itself. */
const elsewhere = '/ip4/127.0.0.1/tcp/1';

async function openNetwork(shape: Shape): Promise<Network> {
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
  for (const number of shape.keys()) nodes.push(opening.use(await start(number)));
  const owned = opening.move();
  return {
    nodes,
    restart: async (number) => {
      nodes[number] = owned.use(await start(number));
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

describe('three nodes', () => {
  it.each<[string, Shape]>([
    ['in a line', [[], [0], [1]]],
    ['in a star', [[], [0], [0]]],
  ])('%s all have what each of them took in', async (_, shape) => {
    await using network = await openNetwork(shape);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'hello');
    const [first, ...others] = await storesOf(nodes);
    expect(first).toHaveLength(nodes.length);
    expect(others).toEqual([first, first]);
  });

  it('are three again after one was killed and started anew', async () => {
    await using network = await openNetwork([[], [0], [1]]);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'before');
    await nodes[1]!.kill();
    await Promise.all([nodes[0]!, nodes[2]!].map((node) => node.logged('a neighbour is gone')));
    const alone = await attach(nodes[0]!.url, 'gossip', 'while it was away');
    if (!isAcknowledged(alone)) throw new Error(JSON.stringify(alone));
    await network.restart(1);
    await Promise.all(nodes.map((node) => untilHeld(node, alone.id)));
    await Promise.all(nodes.map(untilHealthy));
    await attachEverywhere(nodes, 'after');
    const [first, ...others] = await storesOf(nodes);
    expect(first).toHaveLength(2 * nodes.length + 1);
    expect(others).toEqual([first, first]);
  });
});
