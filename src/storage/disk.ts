// What folders take on the disk, and what is left there.
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** What the disk gives to this user. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Blocks on the disk of all files below; 0 when there is no such folder. Files may come and go meanwhile. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  let sizeBytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    sizeBytes += (found?.blocks ?? 0) * 512;
  }
  return sizeBytes;
}
