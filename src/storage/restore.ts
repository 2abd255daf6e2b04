// Makes a store from the messages of a backup. They prove themselves; that they hang together is checked here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import { idText, messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { openDatabase } from './database.ts';
import { openStore } from './open.ts';
import type { StoreDeps, StoreOptions } from './open.ts';
import { Rebuild } from './rebuild.ts';
import type { Refused } from './rebuild.ts';
import type { Pinned } from './salvage-pins.ts';
import type { EntryPointRecord, StoredMessage } from './store.ts';

export interface RestoreSource {
  readonly cutSeq: number;
  readonly lastSeq: number;
  readonly entryPoints: readonly EntryPointRecord[];
  readonly pins?: RestoredPins | undefined;
  /** Rising seqs, ids that are the hashes of the bytes. What it throws ends the restore. */
  readonly records: AsyncIterable<readonly StoredMessage[]>;
}

export interface RestoredPins {
  readonly ids: readonly MessageId[];
  readonly indexKeys: readonly Uint8Array[];
  /** What was kept below the cut. Is read to its end before `records`. */
  readonly kept: AsyncIterable<readonly StoredMessage[]>;
}

export interface Restored {
  readonly messageCount: number;
}

/**
 * All or nothing: until the last message is on the disk, the folder starts no node. Throws BACKUP_INVALID
 * for messages that do not belong together, STORE_OPEN_FAILED for a folder that holds messages already.
 */
export async function restoreStore(
  options: StoreOptions,
  source: RestoreSource,
  deps: Pick<StoreDeps, 'log'>,
): Promise<Restored> {
  await refuseFilled(options, deps);
  const { dataDir, network, cacheBytes } = options;
  const { cutSeq, lastSeq, entryPoints } = source;
  await using rebuild = await Rebuild.open({
    dataDir,
    network,
    cutSeq,
    entryPoints: new Map(entryPoints.map(({ id, ...point }) => [idText(id), point])),
    pinned: pinnedOf(source.pins),
    openDatabase,
    cacheBytes,
    isLenient: false,
  });
  for await (const kept of source.pins?.kept ?? []) {
    await addOrRefuse(() => rebuild.pins.add(kept));
  }
  await addOrRefuse(() => rebuild.pins.index());
  for await (const records of source.records) await addOrRefuse(() => rebuild.add(records));
  const { messageCount } = await rebuild.finish({ seenSeq: lastSeq });
  return { messageCount };
}

function pinnedOf(pins: RestoredPins | undefined): Pinned {
  // How large they are tells the message itself.
  const unknown = { keptSeq: 0, sizeBytes: 0 };
  return {
    ids: new Map((pins?.ids ?? []).map((id) => [idText(id), unknown])),
    indexKeys: new Set((pins?.indexKeys ?? []).map(idText)),
  };
}

async function addOrRefuse(add: () => Promise<Refused | undefined>): Promise<void> {
  let refused: Refused | undefined;
  try {
    refused = await add();
  } catch (error) {
    if (!(error instanceof TangleError) || error.code.startsWith('STORE')) throw error;
    throw new TangleError('BACKUP_INVALID', `The file holds what is no message: ${error.message}`, {
      cause: error,
    });
  }
  if (refused === undefined) return;
  const { record, reason } = refused;
  const what = {
    'parent missing': 'names a parent that is not in it',
    repeated: 'stands in it twice',
    'other network': 'belongs to another network',
  }[reason];
  throw new TangleError(
    'BACKUP_INVALID',
    `The file does not hang together: the message ${messageIdHex(record.id)} ${what}.`,
  );
}

/** The folder of a node that has stored nothing yet is as good as none. */
async function refuseFilled(options: StoreOptions, deps: Pick<StoreDeps, 'log'>): Promise<void> {
  const { dataDir } = options;
  if (!existsSync(join(dataDir, 'log'))) return;
  await using store = await openStore(options, deps);
  if (store.lastSeq === 0) return;
  throw new TangleError(
    'STORE_OPEN_FAILED',
    `${dataDir} holds ${store.messageCount} messages already, and a restore adds to none. Name a new folder with --data-dir.`,
  );
}
