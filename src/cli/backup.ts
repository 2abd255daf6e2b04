// midge backup: writes the log of a node, running or stopped, into one file.
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { BackupHead } from '../backup/read.ts';
import { TangleError, isCoded } from '../errors.ts';
import { syncFolder } from '../files.ts';
import { download } from './client.ts';
import { parameterAt } from './command.ts';
import type { Call, Command } from './command.ts';
import { hasStore, quietLogger } from './data-folder.ts';
import { bytesWords, counted } from './layout.ts';
import { nodeOf } from './node-url.ts';
import { nodeFlag } from './command.ts';
import { ownerFlags, ownerTokenOf } from './owner.ts';
import { openProgress } from './progress.ts';

export const backup: Command = {
  name: 'backup',
  summary: 'write the messages of a node, running or stopped, into one file',
  parameters: ['<file>'],
  flags: ownerFlags,
  details:
    'A running node goes on with its work and is asked for its log; the files of its data folder are never copied. What arrives after the beginning is not in the backup. The file is the same for every machine; midge restore checks all of it. It does not hold the keys and settings of the node.',
  examples: [
    ['midge backup midge-2026-11-25.backup', 'the node of the settings'],
    [
      'midge backup /mnt/nas/cellar.backup --node http://192.0.2.1:14265 --token-file cellar.token',
      'one on another machine',
    ],
  ],
  run: async (call) => {
    const path = resolve(parameterAt(call, 0));
    if (existsSync(path)) {
      throw new TangleError('USAGE_INVALID', `${path} is there already; name another file.`);
    }
    const { head, sizeBytes } = await save(path, bytesOf(call));
    const what = counted(head.messageCount, 'message');
    call.print(`Backed up ${what} of ${head.networkName} to ${path} (${bytesWords(sizeBytes)}).`);
  },
};

/** Of the stopped node in the data folder; where that is running, or another one is named, it is asked. */
async function* bytesOf(call: Call): AsyncGenerator<Uint8Array> {
  const dataDir = resolve(call.config.dataDir);
  if (call.flags.has(nodeFlag.flag) || !hasStore(dataDir)) {
    yield* await ofNode(call);
    return;
  }
  // Imported here, so that commands which need no store start without LevelDB.
  const { openWithBallast } = await import('../pruning/ballast.ts');
  const { storeOptions } = await import('../wiring.ts');
  const options = storeOptions(call.config);
  const opening = openWithBallast(options, { log: quietLogger(call) });
  const opened = await opening.catch((error: unknown) => {
    if (!isCoded(error, 'STORE_LOCKED')) throw error;
  });
  if (opened === undefined) {
    yield* await ofNode(call);
    return;
  }
  const { writeBackup } = await import('../backup/write.ts');
  await using store = opened;
  yield* writeBackup({ store, network: options.network, nowMs: Date.now() });
}

function ofNode(call: Call): Promise<AsyncIterable<Uint8Array>> {
  const { root, trusted } = nodeOf(call);
  const url = new URL(`${root}/api/midge/v1/backup`);
  return download(url, { method: 'GET', token: ownerTokenOf(call), trusted });
}

interface Saved {
  readonly head: BackupHead;
  readonly sizeBytes: number;
}

/** Under its name the file is whole and on the disk, or not there. */
async function save(path: string, bytes: AsyncIterable<Uint8Array>): Promise<Saved> {
  const unfinished = `${path}.part`;
  try {
    const file = await open(unfinished, 'w', 0o600);
    let saved: Saved;
    try {
      saved = await copyChecked(file, bytes, basename(path));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncFolder(dirname(path));
    return saved;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error instanceof TangleError ? error : unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): TangleError {
  const why = error instanceof Error ? error.message : String(error);
  return new TangleError('BACKUP_FAILED', `Cannot write ${path}: ${why}.`, { cause: error });
}

/** What does not pass the checks of a reader is no backup. */
async function copyChecked(
  file: FileHandle,
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): Promise<Saved> {
  const { readBackup } = await import('../backup/read.ts');
  using progress = openProgress(`Writing ${name}`);
  let head: BackupHead | undefined;
  let [sizeBytes, done] = [0, 0];
  for await (const part of readBackup(bytes)) {
    await file.writeFile(part.stored);
    sizeBytes += part.stored.length;
    if (part.kind === 'head') ({ head } = part);
    if (part.kind === 'records') done += part.records.length;
    progress.update(done, head?.messageCount ?? 0);
  }
  if (head === undefined) throw new TangleError('BACKUP_INVALID');
  return { head, sizeBytes };
}
