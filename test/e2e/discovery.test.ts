// Shipped nodes that nobody told of each other.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SingleNodeClient } from '@iota/iota.js';
import { expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

it('nodes find each other through a third one that both were told of', async () => {
  await using folders = new AsyncDisposableStack();
  const startNode = async (settings: Record<string, readonly string[]>) => {
    const dataDir = folders.use(await aFolder()).path;
    return { dataDir, node: folders.use(await NodeProcess.start({ dataDir, settings })) };
  };
  const hub = await startNode({ 'gossip.discovery': ['exchange'] });
  const wish = {
    'gossip.discovery': ['bootstrap', 'exchange'],
    'gossip.bootstrap': [hub.node.gossipAddress],
  };
  const [one, other] = [await startNode(wish), await startNode(wish)];
  const peersOf = async ({ dataDir, node }: typeof hub): Promise<string[]> => {
    const token = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
    const headers = { Authorization: `Bearer ${token}` };
    const peers = await new SingleNodeClient(node.url, { headers }).peers();
    return peers.filter(({ connected }) => connected).map(({ id }) => id);
  };
  const idOf = ({ node }: typeof hub): string => node.gossipAddress.split('/').at(-1) ?? '';
  await expect
    .poll(async () => (await peersOf(other)).toSorted(), { interval: 500 })
    .toEqual([idOf(hub), idOf(one)].toSorted());
});
