// Restore and repair are killed on their way: the folder is then the old one, the new one, or none that starts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { writeBackup } from '../../src/backup/write.ts';
import { messageKey } from '../../src/storage/layout.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { Grower, network, openTestStore, withDatabase } from '../storage/support.ts';
import { collect } from '../support/collect.ts';
import { aFolder } from '../support/folder.ts';

const kills = Number(process.env['CRASH_KILLS'] ?? 6);
const messageCount = 20_000;

async function fill(dataDir: string): Promise<Buffer> {
  const grower = new Grower();
  await using store = await openTestStore(dataDir, { durability: 'process-crash' });
  for (let append = 0; append < messageCount / 1_000; append++) {
    await store.append(grower.many(1_000));
  }
  return Buffer.concat(await collect(writeBackup({ store, network, nowMs: 1 })));
}

/** Runs it until it has told its progress so often, then kills it; a last kill may come too late. */
async function killed(words: readonly string[], afterLines: number): Promise<void> {
  const flags = ['--network.name', network.name];
  const child = spawn(process.execPath, ['bin/midge.js', ...words, ...flags]);
  let lines = 0;
  createInterface({ input: child.stderr }).on('line', () => {
    lines += 1;
    if (lines >= afterLines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(lines).toBeGreaterThan(0);
}

async function whole(words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['bin/midge.js', ...words, '--network.name', network.name]);
  child.stderr.resume();
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
}

const onProgress = (): void => undefined;

async function expectWhole(dataDir: string, count: number): Promise<void> {
  const report = await verifyStore({ dataDir, network, cacheBytes: 8 << 20, onProgress });
  expect(report).toMatchObject({ messageCount: count, faults: [] });
}

describe('a kill', () => {
  it('in a restore leaves nothing that starts as a node, and it can be begun anew', async () => {
    await using folder = await aFolder();
    const file = join(folder.path, 'x.backup');
    await writeFile(file, await fill(join(folder.path, 'first')));
    const dataDir = join(folder.path, 'second');
    const words = ['restore', file, '--data-dir', dataDir];
    for (let kill = 0; kill < kills && !existsSync(join(dataDir, 'log')); kill++) {
      await killed(words, 1 + (kill % 8));
      if (existsSync(join(dataDir, 'log'))) break;
      await expect(openTestStore(dataDir)).rejects.toThrow('Run "midge restore" again');
    }
    if (!existsSync(join(dataDir, 'log'))) await whole(words);
    await expectWhole(dataDir, messageCount);
  });

  it('in a repair changes nothing, and the next one saves as much', async () => {
    await using folder = await aFolder();
    const dataDir = folder.path;
    await fill(dataDir);
    await withDatabase(join(dataDir, 'log'), (db) => db.del(messageKey(7_777)));
    const words = ['db', 'repair', '--data-dir', dataDir];
    for (let kill = 0; kill < kills; kill++) {
      await killed(words, 1 + (kill % 8));
      expect(existsSync(join(dataDir, 'log'))).toBe(true);
    }
    await whole(words);
    await expectWhole(dataDir, messageCount - 1);
  });
});
