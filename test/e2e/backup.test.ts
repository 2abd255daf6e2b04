// Backup of a running node under intake, restored into another folder; damage, repair; an index made again.
import { execFile } from 'node:child_process';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { attachMany, faultsOf } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);

async function midge(...words: readonly string[]): Promise<string> {
  return (await run(process.execPath, ['bin/midge.js', ...words])).stdout;
}

it('a backup of a node that takes messages holds all that were acknowledged before it began', async () => {
  await using folder = await aFolder();
  const [dataDir, second] = [join(folder.path, 'first'), join(folder.path, 'second')];
  const file = join(folder.path, 'node.backup');
  const before: Acknowledged[] = [];
  {
    await using node = await NodeProcess.start({ dataDir });
    const enough = Promise.withResolvers<void>();
    let isOver = false;
    const intake = attachMany(node.url, { index: 'backup', connections: 8 }, (message) => {
      if (before.length === 300) enough.resolve();
      else before.push(message);
      return !isOver;
    });
    await enough.promise;
    const output = await midge('backup', file, '--node', node.url, '--data-dir', dataDir);
    expect(output).toMatch(/^Backed up \d+ messages of midge-private to /);
    isOver = true;
    await intake;
    await expect(midge('backup', file, '--data-dir', dataDir)).rejects.toThrow('is there already');
    const foreign = ['--node', node.url, '--data-dir', second];
    await expect(midge('backup', `${file}2`, ...foreign)).rejects.toThrow('token');
    await node.kill();
  }
  expect((await readdir(folder.path)).toSorted()).toEqual(['first', 'node.backup']);
  expect(await midge('restore', file, '--data-dir', second)).toMatch(
    /^Restored \d+ messages into /,
  );
  await expect(midge('restore', file, '--data-dir', second)).rejects.toThrow('already');
  await using node = await NodeProcess.start({ dataDir: second });
  expect(await faultsOf(node.url, before)).toEqual([]);
});

it('a stopped node is backed up from its folder, and a file that was changed is refused', async () => {
  await using folder = await aFolder();
  const [dataDir, second] = [join(folder.path, 'first'), join(folder.path, 'second')];
  const file = join(folder.path, 'node.backup');
  {
    await using node = await NodeProcess.start({ dataDir });
    let count = 0;
    await attachMany(node.url, { index: 'stopped', connections: 4 }, () => ++count < 50);
    expect(await node.stop()).toBe(0);
  }
  expect(await midge('backup', file, '--data-dir', dataDir)).toContain('Backed up');
  const bytes = await readFile(file);
  const damaged = Buffer.from(bytes);
  damaged[damaged.length >> 1] = damaged.readUInt8(damaged.length >> 1) ^ 4;
  await writeFile(`${file}.damaged`, damaged);
  await expect(midge('restore', `${file}.damaged`, '--data-dir', second)).rejects.toThrow(
    'damaged',
  );
  await writeFile(`${file}.cut`, bytes.subarray(0, -10));
  await expect(midge('restore', `${file}.cut`, '--data-dir', second)).rejects.toThrow('cut off');
  await expect(midge('restore', 'package.json', '--data-dir', second)).rejects.toThrow('no file');
  await expect(midge('restore', 'nowhere', '--data-dir', second)).rejects.toThrow('Cannot read');
  const other = ['--data-dir', second, '--network.name', 'other'];
  await expect(midge('restore', file, ...other)).rejects.toThrow('--network.name midge-private');
  expect(await midge('restore', file, '--data-dir', second)).toMatch(/^Restored 5\d messages/);
});

it('a damaged log is named at the start, repaired, and serves what was not damaged', async () => {
  await using folder = await aFolder();
  const dataDir = folder.path;
  const all: Acknowledged[] = [];
  {
    await using node = await NodeProcess.start({ dataDir });
    const take = { index: 'repair', connections: 8, sizeBytes: 20_000 };
    await attachMany(node.url, take, (message) => all.push(message) < 300);
    expect(await node.stop()).toBe(0);
  }
  const log = join(dataDir, 'log');
  const tables = (await readdir(log)).filter((name) => name.endsWith('.ldb')).toSorted();
  await truncate(join(log, tables.at(-1)!), 100);
  await expect(NodeProcess.start({ dataDir })).rejects.toThrow('midge db repair');
  const report = JSON.parse(await midge('db', 'repair', '--json', '--data-dir', dataDir)) as {
    messageCount: number;
    missing: { count: number; ranges: [number, number][] };
  };
  expect(report.missing.count).toBeGreaterThan(0);
  expect(report.messageCount).toBeGreaterThan(0);
  await using node = await NodeProcess.start({ dataDir });
  const faults = await faultsOf(node.url, all);
  const lost = faults
    .filter((fault) => fault.endsWith('is lost'))
    .map((fault) => fault.slice(0, 64));
  expect(lost.length).toBeLessThanOrEqual(report.missing.count);
  // Nothing is wrong but that these are not there.
  expect(faults.filter((fault) => !lost.some((id) => fault.includes(id)))).toEqual([]);
});
