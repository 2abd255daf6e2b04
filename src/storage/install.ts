// How folders that were made anew take the place of the old ones: by renames that a start goes on with when they
// were cut short. Until the note is there the old ones count, from then on the new ones.
import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import { makeFolder, replaceFile, syncFolder } from '../files.ts';

export interface Installed {
  readonly folders: readonly ('log' | 'index')[];
  /** The name in the data folder under which the old log is kept. */
  readonly keepAs?: string;
}

export function rebuildFolder(dataDir: string): string {
  return join(dataDir, 'rebuild');
}

function notePath(dataDir: string): string {
  return join(rebuildFolder(dataDir), 'finished');
}

/** What lies in the folder `rebuild` is whole, and nothing of it is open. */
export async function installRebuilt(dataDir: string, installed: Installed): Promise<void> {
  await syncFolder(rebuildFolder(dataDir));
  const { folders, keepAs = '' } = installed;
  await replaceFile(notePath(dataDir), `${folders.join(' ')}\n${keepAs}\n`);
  await syncFolder(rebuildFolder(dataDir));
  await finishInstalling(dataDir);
}

/** Goes on where an installation was cut short. Each step may have been done before. */
export async function finishInstalling(dataDir: string): Promise<void> {
  if (!existsSync(notePath(dataDir))) return;
  const [names = '', keepAs = ''] = (await readFile(notePath(dataDir), 'utf8')).split('\n');
  for (const name of names.split(' ')) {
    const [place, fresh] = [join(dataDir, name), join(rebuildFolder(dataDir), name)];
    if (!existsSync(fresh)) continue;
    if (name === 'log' && keepAs !== '') await putAside(place, join(dataDir, keepAs));
    await rm(place, { recursive: true, force: true });
    await rename(fresh, place);
    await syncFolder(dataDir);
  }
  // What was not checked was made anew.
  await rm(join(dataDir, 'unchecked'), { force: true });
  await rm(rebuildFolder(dataDir), { recursive: true, force: true });
}

async function putAside(place: string, kept: string): Promise<void> {
  if (!existsSync(place)) return;
  await makeFolder(kept);
  await rename(place, join(kept, 'log'));
}

/**
 * Before a store is opened. Throws STORE_OPEN_FAILED for a folder into which a backup was restored only
 * in part: it would start as an empty node.
 */
export async function checkInstalled(dataDir: string): Promise<void> {
  await finishInstalling(dataDir);
  if (!existsSync(rebuildFolder(dataDir)) || existsSync(join(dataDir, 'log'))) return;
  throw new TangleError(
    'STORE_OPEN_FAILED',
    `A restore into ${dataDir} was not finished. Run "midge restore" again; it begins anew.`,
  );
}
