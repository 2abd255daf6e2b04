// The folder of the index: opened, and emptied when what lies in it is of no use.
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { MessageId } from '../protocol/ids.ts';
import { indexSizes } from './database.ts';
import type { OpenDatabase } from './database.ts';
import { Index } from './index.ts';

const pendingPerPage = 64;

export interface IndexPlace {
  readonly location: string;
  readonly openDatabase: OpenDatabase;
  readonly cacheBytes: number;
  /** For the ids that the index knows. */
  readonly filterBytes: number;
}

/** Makes an empty index where there is none. */
export async function openIndexFolder(place: IndexPlace): Promise<Index> {
  await using opening = new AsyncDisposableStack();
  const { location, cacheBytes, filterBytes } = place;
  const db = opening.use(await place.openDatabase(location, { cacheBytes, ...indexSizes }));
  const index = await Index.open(db, filterBytes);
  opening.move();
  return index;
}

export async function removeIndexFolder({ location }: IndexPlace): Promise<void> {
  await rm(location, { recursive: true, force: true });
}

/** What a start that was killed may have left of a replacement: the old index counts until the new one has its name. */
export async function undoHalfMade(place: IndexPlace): Promise<void> {
  const old = besides(place, 'old');
  if (!existsSync(place.location) && existsSync(old.location)) {
    await rename(old.location, place.location);
  }
  await removeIndexFolder(old);
  await removeIndexFolder(besides(place, 'new'));
}

function besides(place: IndexPlace, which: 'new' | 'old'): IndexPlace {
  return { ...place, location: `${place.location}.${which}` };
}

/**
 * An empty index with only the pending messages of the old one, which is closed. The old folder is
 * replaced whole: a damaged table that LevelDB still holds would come back with every compaction.
 */
export async function replaceIndexFolder(place: IndexPlace, old: Index): Promise<Index> {
  const fresh = besides(place, 'new');
  {
    await using index = await openIndexFolder(fresh);
    await copyPending(old, index);
  }
  await old[Symbol.asyncDispose]();
  const aside = besides(place, 'old');
  await rename(place.location, aside.location);
  await rename(fresh.location, place.location);
  await removeIndexFolder(aside);
  return openIndexFolder(place);
}

async function copyPending(from: Index, to: Index): Promise<void> {
  let afterId: MessageId | undefined;
  do {
    const page = await from.readPending({ afterId, limit: pendingPerPage });
    await to.addPending(page, { sync: false });
    afterId = page.at(-1)?.id;
  } while (afterId !== undefined);
}
