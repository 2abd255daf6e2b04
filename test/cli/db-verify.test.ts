// midge db status, verify and repair on folders of stopped nodes, by their output and exit code.
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { networkIdOf } from '../../src/protocol/ids.ts';
import { idKey, messageKey } from '../../src/storage/layout.ts';
import type { NewRecord } from '../../src/storage/store.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';
import { Grower, aRecord, openTestStore, withDatabase } from '../storage/support.ts';
import { midge, newFolder } from './midge.ts';

const name = 'store-test';
const network = { name, id: networkIdOf(name) };

const isMountAllowed = await canMount();

async function fill(
  count = 20,
  dataDir = newFolder(),
): Promise<{ dataDir: string; records: readonly NewRecord[] }> {
  const grower = new Grower();
  await using store = await openTestStore(dataDir, { network });
  if (count > 0) await store.append(grower.many(count));
  return { dataDir, records: grower.records };
}

const expectFull = (error: unknown): void => expect(error).toMatchObject({ code: 'ENOSPC' });

const db = (command: string, dataDir: string, ...more: string[]) =>
  midge(['db', command, '--data-dir', dataDir, '--network.name', name, ...more]);

describe('midge db', () => {
  it('status tells of a stopped node, also when it holds nothing', async () => {
    const { dataDir } = await fill();
    const { code, stdout } = await db('status', dataDir);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^messages\s+20\nnumbers\s+1 to 20\noldest\s+1970-01-01T00:00:01/);
    expect(stdout).toMatch(/\ndisk full in\s+never, were nothing pruned\n/);
    const json = JSON.parse((await db('status', dataDir, '--json')).stdout) as object;
    expect(json).toMatchObject({ messageCount: 20, cutSeq: 0, growth: { daysToFullDisk: null } });
    const empty = await fill(0);
    expect((await db('status', empty.dataDir)).stdout).toMatch(/\noldest\s+none\n/);
  });

  it.skipIf(!isMountAllowed)(
    'status and backup of a stopped node use its ballast when the disk is full (needs the right to mount a tmpfs)',
    async () => {
      await using folder = await aFolder();
      using _mounted = mountTmpfs(folder.path, 16);
      const dataDir = join(folder.path, 'data');
      await mkdir(dataDir);
      await fill(20, dataDir);
      const foreign = join(folder.path, 'foreign');
      const fillUp = () => writeFile(foreign, new Uint8Array(32 * 2 ** 20)).catch(expectFull);
      await fillUp();
      const refused = await db('status', dataDir);
      expect(refused).toMatchObject({ code: 1 });
      expect(refused.stderr).toContain('has no room left');

      for (const command of [
        ['db', 'status'],
        ['backup', join(newFolder(), 'saved')],
      ]) {
        await rm(foreign);
        await writeFile(join(dataDir, 'ballast'), new Uint8Array(2 ** 20));
        await fillUp();
        const done = await midge([...command, '--data-dir', dataDir, '--network.name', name]);
        expect(done).toMatchObject({ code: 0 });
        expect(existsSync(join(dataDir, 'ballast'))).toBe(false);
      }
    },
  );

  it('verify ends with 0 when all is well', async () => {
    const { dataDir } = await fill();
    expect(await db('verify', dataDir)).toMatchObject({
      code: 0,
      stdout: '20 messages, numbers 1 to 20.\nEverything is as it must be.\n',
    });
  });

  it('verify names what is wrong with the index, and that a reindex cures it', async () => {
    const { dataDir, records } = await fill();
    await withDatabase(join(dataDir, 'index'), (index) => index.del(idKey(records[19]!.id)));
    const { code, stdout, stderr } = await db('verify', dataDir);
    expect(code).toBe(1);
    expect(stdout).toContain('FAULT id-missing: a message is not found by its id (1x): number 20');
    expect(stderr).toContain('"midge db reindex" makes it again and loses nothing');
    expect((await db('reindex', dataDir)).code).toBe(0);
    expect((await db('verify', dataDir)).code).toBe(0);
  });

  it('verify names what is wrong with the log, repair saves the rest, and verify is content', async () => {
    const { dataDir } = await fill();
    await withDatabase(join(dataDir, 'log'), (log) => log.del(messageKey(10)));
    const { code, stdout, stderr } = await db('verify', dataDir, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ messageCount: 19 });
    expect(stderr).toContain('"midge db repair" keeps all that can be proven');
    const repaired = await db('repair', dataDir);
    expect(repaired).toMatchObject({ code: 0 });
    expect(repaired.stdout).toContain('Kept 19 messages; the index was made again.');
    expect(repaired.stdout).toContain('1 message missing: number 10.');
    const after = await db('verify', dataDir);
    expect(after).toMatchObject({ code: 0 });
    const again = await db('repair', dataDir);
    expect(again.stdout).toBe(
      'Nothing of the log is damaged: all 19 messages are there. The index was made again.\n',
    );
    await using store = await openTestStore(dataDir, { network });
    expect(await store.append([aRecord()])).toEqual([21]);
  });

  it.each(['verify', 'repair', 'reindex'])(
    '%s makes no folder where there is none',
    async (word) => {
      expect(await db(word, '/nowhere/at/all')).toEqual({
        code: 1,
        stdout: '',
        stderr: 'midge: There is no data folder at /nowhere/at/all.\n',
      });
    },
  );
});
