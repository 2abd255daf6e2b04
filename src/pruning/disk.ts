// What the data folder takes on the disk, and what the disk has left. The cost stays flat while the folder
// grows: LevelDB never changes a finished table, so each is asked for its size only while it is young.
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from './limits.ts';

/** A table whose size was the same this often is finished; each look is at least 100 ms after the one before. */
const finishedLooks = 5;

interface Table {
  readonly sizeBytes: number;
  readonly looks: number;
}

export class FolderMeter {
  readonly #folder: string;
  #tables = new Map<string, Table>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async measure(): Promise<Disk> {
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    return {
      ...(await this.#folderBytes()),
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
    };
  }

  async #folderBytes(): Promise<Pick<Disk, 'folderBytes' | 'storeBytes'>> {
    const entries = await readdir(this.#folder, { recursive: true, withFileTypes: true });
    const tables = new Map<string, Table>();
    const databases = new Set(['log', 'index'].map((name) => join(this.#folder, name)));
    let [folderBytes, storeBytes] = [0, 0];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const known = this.#tables.get(path) ?? { sizeBytes: -1, looks: 0 };
      const isFinished = known.looks >= finishedLooks;
      const sizeBytes = isFinished ? known.sizeBytes : await sizeOf(path);
      if (path.endsWith('.ldb')) {
        tables.set(path, { sizeBytes, looks: known.sizeBytes === sizeBytes ? known.looks + 1 : 0 });
      }
      folderBytes += sizeBytes;
      if (databases.has(entry.parentPath)) storeBytes += sizeBytes;
    }
    this.#tables = tables;
    return { folderBytes, storeBytes };
  }
}

/** Files come and go while they are listed. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
