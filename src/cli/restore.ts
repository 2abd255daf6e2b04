// midge restore: makes a new data folder from a backup.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { BackupHead, BackupPart } from '../backup/read.ts';
import { TangleError } from '../errors.ts';
import type { EntryPointRecord, StoredMessage } from '../storage/store.ts';
import { parameterAt } from './command.ts';
import type { Call, Command } from './command.ts';
import { quietLogger } from './data-folder.ts';
import { counted } from './layout.ts';
import { openProgress } from './progress.ts';
import type { Progress } from './progress.ts';

export const restore: Command = {
  name: 'restore',
  summary: 'make a new data folder from a backup',
  parameters: ['<file>'],
  flags: [],
  details:
    'Every message is checked, and the index is made again. The log gets a new id, so that neighbours read it from its beginning. The folder must hold no messages yet. Until the last message is on the disk no node starts from it; a restore that was cut short is begun anew.',
  examples: [
    ['midge restore midge-2026-11-25.backup', 'into the data folder of the settings'],
    ['midge restore cellar.backup --data-dir /var/lib/midge', 'into another one'],
  ],
  run: async (call) => {
    const path = resolve(parameterAt(call, 0));
    const messageCount = await restoreFrom(call, path);
    const dataDir = resolve(call.config.dataDir);
    call.print(`Restored ${counted(messageCount, 'message')} into ${dataDir}.`);
  },
};

async function restoreFrom(call: Call, path: string): Promise<number> {
  // Imported here, so that commands which need no store start without LevelDB.
  const { readBackup } = await import('../backup/read.ts');
  const { restoreStore } = await import('../storage/restore.ts');
  const { storeOptions } = await import('../wiring.ts');
  const parts = readBackup(bytesOf(path));
  const first = await parts.next();
  if (first.done === true || first.value.kind !== 'head') throw new TangleError('BACKUP_INVALID');
  const { head } = first.value;
  refuseOtherNetwork(head, call);
  const { entryPoints, next } = await readEntryPoints(parts);
  using progress = openProgress('Restoring');
  const records = recordsOf({ next, parts, head, progress });
  const { messageCount } = await restoreStore(
    storeOptions(call.config),
    { ...head, entryPoints, records },
    { log: quietLogger(call) },
  );
  return messageCount;
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 1024 * 1024 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TangleError('USAGE_INVALID', `Cannot read ${path}: ${why}.`, { cause: error });
  }
}

function refuseOtherNetwork({ networkName }: BackupHead, { config }: Call): void {
  const { name } = config.network;
  if (networkName === name) return;
  throw new TangleError(
    'STORE_NETWORK_MISMATCH',
    `The backup is of the network ${JSON.stringify(networkName)}, but the settings say ` +
      `${JSON.stringify(name)}. Add --network.name ${networkName}, here and when you start the node.`,
  );
}

type Parts = AsyncGenerator<BackupPart, void, undefined>;

/** As many as the log has in memory, too. With the part that follows them. */
async function readEntryPoints(parts: Parts): Promise<{
  readonly entryPoints: readonly EntryPointRecord[];
  readonly next: BackupPart | undefined;
}> {
  const entryPoints: EntryPointRecord[] = [];
  for (;;) {
    const { value } = await parts.next();
    if (value?.kind !== 'entryPoints') return { entryPoints, next: value ?? undefined };
    entryPoints.push(...value.entryPoints);
  }
}

interface Rest {
  readonly next: BackupPart | undefined;
  readonly parts: Parts;
  readonly head: BackupHead;
  readonly progress: Progress;
}

async function* recordsOf(rest: Rest): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  let part = rest.next;
  let done = 0;
  while (part !== undefined) {
    if (part.kind === 'records') {
      yield part.records;
      done += part.records.length;
      rest.progress.update(done, rest.head.messageCount);
    }
    part = (await rest.parts.next()).value ?? undefined;
  }
}
