// The promise about the size of the data folder, as somebody sees it who looks at the folder from outside.
import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Grower, network, openTestStore } from '../storage/support.ts';
import { attachMany, findIds, readRaw } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);
const MiB = 2 ** 20;
const limitBytes = 64 * MiB;
const allowanceBytes = 64 * MiB;

function folderBytes(dataDir: string): number {
  let sum = 0;
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // Files go while they are listed.
    if (entry.isFile()) sum += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}

/** A store that has nearly reached the limit. */
async function fill(dataDir: string): Promise<void> {
  await using store = await openTestStore(dataDir, { durability: 'process-crash' });
  const grower = new Grower();
  while (folderBytes(dataDir) < limitBytes - 8 * MiB) {
    await store.append(grower.many(256, { dataBytes: 4_000, isLazy: false }));
  }
}

interface PruneStatus {
  readonly data: { readonly cutSeq: number; readonly prunedMessages: number };
}

describe('a node with a limit for its data folder', () => {
  it('keeps to it while clients attach, reads what is left, and prunes on demand', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    const settings = {
      'network.name': network.name,
      'pruning.max-size-bytes': limitBytes,
      'pruning.reserve-disk-bytes': 0,
      'pow.cpu-budget': 1,
    };
    await using node = await NodeProcess.start({ dataDir: folder.path, settings });
    let largest = 0;
    const sampling = setInterval(() => {
      largest = Math.max(largest, folderBytes(folder.path));
    }, 100);
    const ids: string[] = [];
    await attachMany(node.url, { index: 'new', connections: 16, sizeBytes: 12_000 }, ({ id }) => {
      return ids.push(id) < 1_500;
    });
    clearInterval(sampling);
    expect(largest).toBeGreaterThan(limitBytes / 2);
    expect(largest).toBeLessThanOrEqual(limitBytes + allowanceBytes);
    expect(ids.length).toBeGreaterThanOrEqual(1_500);
    const lastId = ids.at(-1) ?? '';
    expect(await readRaw(node.url, lastId)).toBeDefined();
    // The oldest are gone from every list, not only from the log.
    for (const id of (await findIds(node.url, 'index 0')).slice(-5)) {
      expect(await readRaw(node.url, id)).toBeDefined();
    }

    const token = await ownerToken(folder.path);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const { data } = (await (
      await fetch(`${node.url}/api/midge/v1/prune`, { headers })
    ).json()) as PruneStatus;
    expect(data.prunedMessages).toBeGreaterThan(0);
    const answer = await fetch(`${node.url}/api/v1/control/database/prune`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ keepMessages: 500 }),
    });
    expect(answer.status).toBe(200);
    expect(await readRaw(node.url, lastId)).toBeDefined();
    expect(await readRaw(node.url, ids[0] ?? '')).toBeUndefined();
    expect(folderBytes(folder.path)).toBeLessThan(limitBytes);

    const midge = async (...words: string[]): Promise<string> => {
      const own = ['--data-dir', folder.path, '--node', node.url];
      return (await run(process.execPath, ['bin/midge.js', 'prune', ...words, ...own])).stdout;
    };
    expect(await midge('--keep', '400', '--dry-run')).toMatch(/^Would prune 100 messages, /);
    expect(await midge('--pause')).toContain('paused');
    const paused = await (await fetch(`${node.url}/api/midge/v1/prune`, { headers })).json();
    expect(paused).toMatchObject({ data: { state: 'paused' } });
    expect(await midge('--keep', '400')).toMatch(/^Pruned 100 messages, /);
    expect(await midge('--stop')).toContain('ended');
    expect(await midge('--resume')).toContain('goes on');
    await expect(midge('--pause', '--keep', '1')).rejects.toThrow('--pause stands alone');
  });
});

async function ownerToken(dataDir: string): Promise<string> {
  return (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
}
