// Neighbours of a running node by the public client and by the command line, over a restart.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SingleNodeClient } from '@iota/iota.js';
import { expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { openNetwork, untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);

async function midge(...words: readonly string[]): Promise<string> {
  return (await run(process.execPath, ['bin/midge.js', ...words])).stdout;
}

async function clientOf(node: NodeProcess, dataDir: string): Promise<SingleNodeClient> {
  const token = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
  return new SingleNodeClient(node.url, { headers: { Authorization: `Bearer ${token}` } });
}

it('neighbours are added, listed, kept over a restart and removed', async () => {
  await using ownFolder = await aFolder();
  await using otherFolder = await aFolder();
  await using other = await NodeProcess.start({ dataDir: otherFolder.path });
  const address = other.gossipAddress;
  const peerId = address.split('/').at(-1) ?? '';
  const dataDir = ownFolder.path;
  {
    await using node = await NodeProcess.start({ dataDir });
    const client = await clientOf(node, dataDir);
    expect(await client.peers()).toEqual([]);
    expect(await client.peerAdd(address, 'cellar')).toMatchObject({ id: peerId, alias: 'cellar' });
    await expect(new SingleNodeClient(node.url).peers()).rejects.toThrow('needs a token');
    await node.stop();
  }
  await using node = await NodeProcess.start({ dataDir });
  const client = await clientOf(node, dataDir);
  expect(await client.peer(peerId)).toMatchObject({ alias: 'cellar', relation: 'known' });
  const flags = ['--node', node.url, '--data-dir', dataDir];
  expect(await midge('peers', 'list', ...flags)).toContain(`cellar  ${address}`);
  expect(await midge('peers', 'remove', peerId, ...flags)).toContain('no neighbour any more');
  expect(await client.peers()).toEqual([]);
  expect(await midge('peers', 'add', address, '--alias', 'attic', ...flags)).toContain('attic');
  expect(await client.peer(peerId)).toMatchObject({ alias: 'attic' });
  await client.peerDelete(peerId);
  expect(await midge('peers', 'list', ...flags)).toContain('no neighbours');
  await expect(midge('peers', 'remove', 'nobody', ...flags)).rejects.toThrow('no such neighbour');
  await expect(midge('peers', 'add', 'nonsense', ...flags)).rejects.toThrow('no address such as');
  await expect(
    midge('peers', 'list', '--node', node.url, '--data-dir', otherFolder.path),
  ).rejects.toThrow('token_invalid');
});

it('shows a connected neighbour as the nodes of the field do', async () => {
  await using network = await openNetwork([[], [0]]);
  const { nodes, folders, peerIds } = network;
  await Promise.all(nodes.map(untilHealthy));
  const [id = '', dataDir = ''] = [peerIds[1], folders[0]];
  const client = await clientOf(nodes[0]!, dataDir);
  let peer = await client.peer(id);
  while (peer.gossip?.heartbeat == null) peer = await client.peer(id);
  const count: unknown = expect.any(Number);
  const shape = {
    id,
    multiAddresses: [expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/)],
    relation: 'known',
    connected: true,
    gossip: {
      heartbeat: {
        solidMilestoneIndex: 0,
        prunedMilestoneIndex: 0,
        latestMilestoneIndex: 0,
        connectedNeighbors: count,
        syncedNeighbors: count,
      },
      metrics: {
        newMessages: count,
        knownMessages: count,
        receivedMessages: count,
        receivedMessageRequests: count,
        receivedMilestoneRequests: 0,
        receivedHeartbeats: count,
        sentMessages: count,
        sentMessageRequests: count,
        sentMilestoneRequests: 0,
        sentHeartbeats: count,
        droppedPackets: 0,
      },
    },
  };
  expect(peer).toStrictEqual(shape);
  expect(await client.peers()).toStrictEqual([shape]);
  await expect(client.peer('12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8')).rejects.toThrow(
    'no such neighbour',
  );
  await nodes[1]!.kill();
  await nodes[0]!.logged('a neighbour is gone');
  const gone = await client.peer(id);
  expect(gone.connected).toBe(false);
  expect(gone).not.toHaveProperty('gossip');
});
