// Several real nodes on loopback that are each other's neighbours, and what they hold.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { openIdentity } from '../../src/gossip/identity.ts';
import { attach, findIds, isAcknowledged, readRaw } from './client.ts';
import { aFolder } from './folder.ts';
import { NodeProcess } from './node-process.ts';
import type { NodeProcessOptions } from './node-process.ts';

/** Everything is attached under this key, so everything can be found again. */
const index = 'gossip';

/** For each node the numbers of those that it names as neighbours; a name holds for both directions. */
export type Shape = readonly (readonly number[])[];

export interface Network extends AsyncDisposable {
  readonly nodes: NodeProcess[];
  readonly folders: readonly string[];
  readonly peerIds: readonly string[];
  /** Starts that node again on its folder, or for the first time. */
  restart(number: number): Promise<void>;
  /** Parts two neighbours, by their owner's word. */
  part(one: number, other: number): Promise<void>;
  join(one: number, other: number): Promise<void>;
}

/** Nobody listens there: that neighbour will come by itself. */
const elsewhere = '/ip4/127.0.0.1/tcp/1';

export interface NetworkWish {
  /** Nodes from there on are not started. */
  readonly late?: number;
  readonly settingsOf?: (number: number) => NodeProcessOptions['settings'];
}

export async function openNetwork(shape: Shape, wish: NetworkWish = {}): Promise<Network> {
  const { late = shape.length, settingsOf } = wish;
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
    const own = settingsOf?.(number);
    const settings = { 'gossip.neighbours': neighbours, 'pow.workers': 1, ...own };
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
    folders,
    peerIds,
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
export async function untilHealthy(node: NodeProcess): Promise<void> {
  while ((await fetch(`${node.url}/health`)).status !== 200) await pause();
}

export async function untilHeld(node: NodeProcess, id: string): Promise<void> {
  while ((await readRaw(node.url, id)) === undefined) await pause();
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

/** Attaches at every node in turn; returns the ids when all have each message. */
export async function attachEverywhere(
  nodes: readonly NodeProcess[],
  text: string,
): Promise<string[]> {
  const ids: string[] = [];
  for (const [number, node] of nodes.entries()) {
    const id = await attachAt(node, `${text} ${number}`);
    ids.push(id);
    await Promise.all(nodes.map((other) => untilHeld(other, id)));
  }
  return ids;
}

export async function attachMany(node: NodeProcess, count: number, text: string) {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await attachAt(node, `${text} ${n}`));
  return ids;
}

/** As clients do, it comes again while the node still fetches what it missed. */
async function attachAt(node: NodeProcess, text: string): Promise<string> {
  for (;;) {
    const answer = await attach(node.url, index, text);
    if (isAcknowledged(answer)) return answer.id;
    if (!answer.body.includes('catching_up')) throw new Error(JSON.stringify(answer));
    await pause();
  }
}

/** Ids that the node offers as parents. */
export async function tipsOf({ url }: NodeProcess): Promise<string[]> {
  const response = await fetch(`${url}/api/v1/tips`);
  const { data } = (await response.json()) as { data: { tipMessageIds: string[] } };
  return data.tipMessageIds;
}

/** Asks for parents until the node offers that one, which it draws among others; returns it. */
export async function untilOffered(node: NodeProcess, id: string): Promise<string> {
  for (;;) {
    const offered = (await tipsOf(node)).find((tip) => tip === id);
    if (offered !== undefined) return offered;
    await pause();
  }
}

/** Attaches a message with those parents; returns its id. */
export async function attachTo(
  { url }: NodeProcess,
  parents: readonly string[],
  text: string,
): Promise<string> {
  const payload = { type: 2, index: hex(index), data: hex(text) };
  const response = await fetch(`${url}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ parentMessageIds: [...new Set(parents)].toSorted(), payload }),
  });
  if (response.status !== 201) throw new Error(await response.text());
  return ((await response.json()) as { data: { messageId: string } }).data.messageId;
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

/** What each node has, in order, once all have so many messages. */
export async function settled(nodes: readonly NodeProcess[], count: number): Promise<string[][]> {
  for (;;) {
    const stores = await Promise.all(nodes.map(({ url }) => findIds(url, index)));
    if (stores.every((ids) => ids.length >= count)) return stores.map((ids) => ids.toSorted());
    await pause();
  }
}
