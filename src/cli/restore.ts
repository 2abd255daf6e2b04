// midge restore: makes a new data folder from a backup.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { BackupHead, BackupPart } from '../backup/read.ts';
import { TangleError } from '../errors.ts';
import type { StoredMessage } from '../storage/store.ts';
import { parameterAt } from './command.ts';
import type { Call, Command } from './command.ts';
import { quietLogger } from './data-folder.ts';
import { counted } from './layout.ts';
import { openProgress } from './progress.ts';

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
  const rest = new Rest(parts);
  const entryPoints = (await collected(rest.take('entryPoints'))).flatMap(
    (part) => part.entryPoints,
  );
  const [named] = await collected(rest.take('pinned'));
  using progress = openProgress('Restoring');
  const pins = { ids: [], indexKeys: [], ...named?.pinned, kept: recordsOf(rest.take('kept')) };
  const records = recordsOf(rest.take('records'), (done) => {
    progress.update(done, head.messageCount);
  });
  const { messageCount } = await restoreStore(
    storeOptions(call.config),
    { ...head, entryPoints, pins, records },
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

/** The parts behind the head, kind by kind. */
class Rest {
  readonly #parts: Parts;
  #next: BackupPart | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Those of a kind that come next. When they are the last but the end, the file is read to its end. */
  async *take<Kind extends BackupPart['kind']>(
    kind: Kind,
  ): AsyncGenerator<Extract<BackupPart, { kind: Kind }>, void, undefined> {
    for (;;) {
      const part = this.#next ?? (await this.#parts.next()).value ?? undefined;
      this.#next = part;
      if (part?.kind === 'end') await this.#parts.next();
      if (part === undefined || !isOf(part, kind)) return;
      this.#next = undefined;
      yield part;
    }
  }
}

function isOf<Kind extends BackupPart['kind']>(
  part: BackupPart,
  kind: Kind,
): part is Extract<BackupPart, { kind: Kind }> {
  return part.kind === kind;
}

/** As many as the log has in memory, too. */
async function collected<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

async function* recordsOf(
  parts: AsyncIterable<{ readonly records: readonly StoredMessage[] }>,
  onDone?: (count: number) => void,
): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  let done = 0;
  for await (const { records } of parts) {
    yield records;
    done += records.length;
    onDone?.(done);
  }
}
