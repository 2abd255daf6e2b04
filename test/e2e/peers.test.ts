// Neighbours of a running node by the public client and by the command line, over a restart.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SingleNodeClient } from '@iota/iota.js';
import { expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
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
