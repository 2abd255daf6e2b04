import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { Ballast, openWithBallast } from '../../src/pruning/ballast.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';
import { testNetwork } from '../support/messages.ts';

const storeOptions = (dataDir: string) =>
  ({ dataDir, durability: 'process-crash', network: testNetwork, cacheBytes: 1_000_000 }) as const;
const denied = (): Promise<never> => Promise.reject(new Error('Permission denied'));
const isMountAllowed = await canMount();

describe('the ballast', () => {
  it('is made, found again, and released', async () => {
    await using folder = await aFolder();
    const size = 3_000_000;
    const ballast = await Ballast.open(folder.path, size);
    expect(ballast.sizeBytes).toBe(0);
    await ballast.make();
    expect(ballast.sizeBytes).toBe(size);
    expect((await stat(join(folder.path, 'ballast'))).size).toBe(size);
    const again = await Ballast.open(folder.path, size);
    expect(again.sizeBytes).toBe(size);
    await again.release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('is removed for a start that finds the disk full, and that is tried once more', async () => {
    await using folder = await aFolder();
    await writeFile(join(folder.path, 'ballast'), new Uint8Array(100));
    const seen: boolean[] = [];
    const openDatabase = async (): Promise<never> => {
      seen.push((await readdir(folder.path)).includes('ballast'));
      throw new Error('No space left on device');
    };
    const open = (): Promise<unknown> =>
      openWithBallast(storeOptions(folder.path), { log: silentLogger, openDatabase });
    await expect(open()).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(seen).toEqual([true, false]);
    await expect(open()).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(seen).toEqual([true, false, false]);
  });

  it('stays when a start fails for something else', async () => {
    await using folder = await aFolder();
    await writeFile(join(folder.path, 'ballast'), new Uint8Array(100));
    const deps = { log: silentLogger, openDatabase: denied };
    const opening = openWithBallast(storeOptions(folder.path), deps);
    await expect(opening).rejects.toMatchObject({ code: 'STORE_OPEN_FAILED' });
    expect(await readdir(folder.path)).toContain('ballast');
  });

  it('of another size, or cut off, is dropped at the start', async () => {
    await using folder = await aFolder();
    await writeFile(join(folder.path, 'ballast'), new Uint8Array(100));
    expect((await Ballast.open(folder.path, 200)).sizeBytes).toBe(0);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('is none when there is none to keep', async () => {
    await using folder = await aFolder();
    const ballast = await Ballast.open(folder.path, 0);
    await ballast.make();
    await ballast.release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.skipIf(!isMountAllowed)('is not half made (needs the right to mount a tmpfs)', async () => {
    await using folder = await aFolder();
    using _mounted = mountTmpfs(folder.path, 4);
    const ballast = await Ballast.open(folder.path, 8 * 1024 * 1024);
    await ballast.make();
    expect(ballast.sizeBytes).toBe(0);
    expect(await readdir(folder.path)).toEqual([]);
  });
});
