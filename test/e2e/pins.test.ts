// Pins by the command line on the shipped node: read as before when all around them is pruned, over restarts and kills.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { networkIdOf } from '../../src/protocol/ids.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { attachMany, findIds, isAcknowledged, attach, readRaw } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);
const keptMessages = 100;

async function midge(node: NodeProcess, dataDir: string, ...words: string[]): Promise<string> {
  const place = ['--data-dir', dataDir, '--node', node.url];
  return (await run(process.execPath, ['bin/midge.js', ...words, ...place])).stdout;
}

async function attachOne(node: NodeProcess, index: string): Promise<Acknowledged> {
  const answer = await attach(node.url, index, `of ${index}`);
  if (isAcknowledged(answer)) return answer;
  throw new Error(answer.body);
}

/** So many that all before them can be pruned. */
function bury(node: NodeProcess): Promise<void> {
  let count = 0;
  return attachMany(
    node.url,
    { index: 'others', connections: 8 },
    () => ++count < 2 * keptMessages,
  );
}

const prune = (node: NodeProcess, dataDir: string): Promise<string> =>
  midge(node, dataDir, 'prune', '--keep', String(keptMessages));

async function getText(node: NodeProcess, path: string): Promise<string> {
  return (await fetch(`${node.url}${path}`)).text();
}

/** All that the API tells of a message, but for its children. */
const readAll = (node: NodeProcess, { id }: Acknowledged): Promise<string[]> =>
  Promise.all(
    ['', '/metadata', '/raw'].map((path) => getText(node, `/api/v1/messages/${id}${path}`)),
  );

describe('pins of a node', () => {
  it('keep a message and an index readable through pruning, restarts and a kill, until they go', async () => {
    await using folder = await aFolder();
    const dataDir = folder.path;
    const before: string[][] = [];
    const letters: Acknowledged[] = [];
    let single: Acknowledged;
    let other: Acknowledged;
    {
      await using node = await NodeProcess.start({ dataDir });
      single = await attachOne(node, 'single');
      other = await attachOne(node, 'other');
      letters.push(await attachOne(node, 'letters'), await attachOne(node, 'letters'));
      expect(await midge(node, dataDir, 'pin', 'add', single.id)).toContain('is pinned now');
      expect(await midge(node, dataDir, 'pin', 'add', 'letters')).toContain('The index letters');
      for (const message of [single, ...letters]) before.push(await readAll(node, message));
      await bury(node);
      letters.push(await attachOne(node, 'letters'));
      before.push(await readAll(node, letters.at(-1)!));
      await bury(node);
      await prune(node, dataDir);
      await node.kill();
    }
    {
      await using node = await NodeProcess.start({ dataDir });
      const after: string[][] = [];
      for (const message of [single, ...letters]) after.push(await readAll(node, message));
      expect(after).toEqual(before);
      expect(await findIds(node.url, 'letters')).toEqual(letters.map(({ id }) => id).toReversed());
      expect(await findIds(node.url, 'single')).toEqual([single.id]);
      expect(await readRaw(node.url, other.id)).toBeUndefined();
      const metrics = await getText(node, '/metrics');
      expect(metrics).toMatch(/^midge_store_kept_messages 4$/m);
      expect(await midge(node, dataDir, 'db', 'status')).toMatch(
        /^pinned .* 4 pruned messages kept$/m,
      );
      const refused = midge(node, dataDir, 'pin', 'add', other.id);
      // Whether its id is still known depends on what named it.
      await expect(refused).rejects.toThrow(/message_(not_found|pruned)/);
      await midge(node, dataDir, 'pin', 'remove', 'letters');
      expect(await findIds(node.url, 'letters')).toEqual([]);
      expect(await readAll(node, single)).toEqual(before[0]);
      expect(await node.stop()).toBe(0);
    }
    const { faults } = await verifyStore({
      dataDir,
      network: { name: 'midge-private', id: networkIdOf('midge-private') },
      cacheBytes: 8 << 20,
      onProgress: () => undefined,
    });
    expect(faults).toEqual([]);
  });

  it('take no more than they may, and say so', async () => {
    await using folder = await aFolder();
    const dataDir = folder.path;
    const settings = { 'pruning.max-pinned-bytes': 1_000 };
    await using node = await NodeProcess.start({ dataDir, settings });
    const token = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
    await midge(node, dataDir, 'pin', 'add', 'others 0');
    await bury(node);
    await prune(node, dataDir);
    await node.logged('messages of a pinned index are pruned');
    const answer = await fetch(`${node.url}/api/midge/v1/pins`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { data } = (await answer.json()) as { data: Record<string, number> };
    expect(data['usedBytes']).toBeLessThanOrEqual(1_000);
    expect(data['keptMessages']).toBeGreaterThan(0);
    expect(data['missedMessages']).toBeGreaterThan(0);
    const last = await attachOne(node, 'too much');
    const refused = midge(node, dataDir, 'pin', 'add', last.id);
    await expect(refused).rejects.toThrow('pruning.maxPinnedBytes');
  });
});
