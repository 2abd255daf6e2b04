import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FolderMeter } from '../../src/pruning/disk.ts';
import { aFolder } from '../support/folder.ts';

describe('the meter', () => {
  it('adds up all files, those that grow and those that come and go', async () => {
    await using folder = await aFolder();
    const log = join(folder.path, 'log');
    await mkdir(log);
    await writeFile(join(folder.path, 'identity.key'), new Uint8Array(10));
    await writeFile(join(log, '000005.ldb'), new Uint8Array(1_000));
    await writeFile(join(log, '000006.log'), new Uint8Array(100));
    const meter = new FolderMeter(folder.path);
    for (let look = 0; look < 10; look++) {
      const disk = await meter.measure();
      expect(disk).toMatchObject({ folderBytes: 1_110, storeBytes: 1_100 });
      expect(disk.totalBytes).toBeGreaterThan(disk.freeBytes);
    }
    await appendFile(join(log, '000006.log'), new Uint8Array(5));
    await writeFile(join(log, '000007.ldb'), new Uint8Array(10_000));
    expect((await meter.measure()).folderBytes).toBe(11_115);
    await appendFile(join(log, '000007.ldb'), new Uint8Array(1));
    await rm(join(log, '000005.ldb'));
    expect((await meter.measure()).folderBytes).toBe(10_116);
  });
});
