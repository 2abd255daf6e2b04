// Room that is set aside on the disk while there is plenty: pruning writes before it frees, and a store that
// ran full needs room to be opened again.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isCoded } from '../errors.ts';
import { openStore } from '../storage/open.ts';
import type { StoreDeps, StoreOptions } from '../storage/open.ts';
import type { Store } from '../storage/store.ts';

const chunkBytes = 1024 * 1024;
const pathIn = (dataDir: string): string => join(dataDir, 'ballast');

/** When the disk has no room to open the store the ballast goes, if there is one, and it is tried once more. */
export async function openWithBallast(options: StoreOptions, deps: StoreDeps): Promise<Store> {
  try {
    return await openStore(options, deps);
  } catch (error) {
    const path = pathIn(options.dataDir);
    if (!isCoded(error, 'DISK_FULL') || !existsSync(path)) throw error;
    await rm(path);
    return openStore(options, deps);
  }
}

export class Ballast {
  readonly #path: string;
  readonly #sizeBytes: number;
  #isThere: boolean;

  private constructor(path: string, sizeBytes: number, isThere: boolean) {
    this.#path = path;
    this.#sizeBytes = sizeBytes;
    this.#isThere = isThere;
  }

  /** One of another size, or half written, is dropped. */
  static async open(dataDir: string, sizeBytes: number): Promise<Ballast> {
    const path = pathIn(dataDir);
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    const ballast = new Ballast(path, sizeBytes, size === sizeBytes && size > 0);
    if (!ballast.#isThere) await rm(path, { force: true });
    return ballast;
  }

  get sizeBytes(): number {
    return this.#isThere ? this.#sizeBytes : 0;
  }

  /** Random bytes, because some filesystems store no others. Without room there is none. */
  async make(): Promise<void> {
    if (this.#isThere || this.#sizeBytes === 0) return;
    try {
      await using file = await open(this.#path, 'w', 0o600);
      for (let written = 0; written < this.#sizeBytes; written += chunkBytes) {
        await file.write(randomBytes(Math.min(chunkBytes, this.#sizeBytes - written)));
      }
      await file.sync();
      this.#isThere = true;
    } catch {
      await rm(this.#path, { force: true });
    }
  }

  async release(): Promise<void> {
    if (!this.#isThere) return;
    await rm(this.#path, { force: true });
    this.#isThere = false;
  }
}
