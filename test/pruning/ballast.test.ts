import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Ballast } from '../../src/pruning/ballast.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';

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
