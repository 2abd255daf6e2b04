// Finds messages in a folder of archives: file by file, chunk by chunk, so that memory holds one chunk and what
// is found. A file that a crash cut off counts as far as it goes.
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import { decodeMessage } from '../protocol/codec.ts';
import { idText } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { StoredMessage } from '../storage/store.ts';
import { archiveSuffix } from './archive.ts';
import { readChunks } from './container.ts';
import { partOf } from './read.ts';

export interface ArchiveSearch {
  readonly messages: readonly StoredMessage[];
  /** Of all that was found; the newest `limit` of them are in `messages`. */
  readonly count: number;
  /** Files that could not be read to their end, with the reason. */
  readonly damaged: readonly { readonly name: string; readonly reason: string }[];
}

export type Wanted = (record: StoredMessage) => boolean;

export function byId(idHex: string): Wanted {
  const id = Buffer.from(idHex, 'hex');
  return (record) => Buffer.compare(record.id, id) === 0;
}

export function byIndexKey(keyHex: string): Wanted {
  const key = Buffer.from(keyHex, 'hex');
  return ({ bytes }) => {
    const found = indexKeyOf(decodeMessage(bytes));
    return found !== undefined && Buffer.compare(found, key) === 0;
  };
}

/** Throws ARCHIVE_FAILED when there is no such folder. */
export async function searchArchive(
  folder: string,
  wanted: Wanted,
  { limit, onFile }: { readonly limit: number; onFile?: (done: number, total: number) => void },
): Promise<ArchiveSearch> {
  const names = await archiveNames(folder);
  const found = new Found(limit);
  const damaged: { name: string; reason: string }[] = [];
  const logs = new SeenSeqs();
  for (const [position, name] of names.entries()) {
    const reason = await problemOf(async () => {
      for await (const { logId, records } of recordsOf(join(folder, name))) {
        for (const record of logs.fresh(logId, records).filter(wanted)) found.add(record);
      }
    });
    if (reason !== undefined) damaged.push({ name, reason });
    onFile?.(position + 1, names.length);
  }
  return { messages: found.newest(), count: found.count, damaged };
}

/** The newest that were found; each once. */
class Found {
  readonly #limit: number;
  readonly #messages = new Map<string, StoredMessage>();
  count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(record: StoredMessage): void {
    const key = idText(record.id);
    if (this.#messages.has(key)) return;
    this.count += 1;
    // The bytes are a view into the whole chunk.
    this.#messages.set(key, { ...record, bytes: Uint8Array.from(record.bytes) });
    const [oldest] = this.#messages.keys();
    if (oldest !== undefined && this.#messages.size > this.#limit) this.#messages.delete(oldest);
  }

  newest(): readonly StoredMessage[] {
    return [...this.#messages.values()];
  }
}

/** Of a file that a crash cut off nothing is missing that was pruned. */
async function problemOf(read: () => Promise<void>): Promise<string | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (!(error instanceof TangleError)) throw error;
    return error.details['kind'] === 'cut-off' ? undefined : error.message;
  }
}

/** Oldest first, by the time in the name. */
async function archiveNames(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new TangleError('ARCHIVE_FAILED', `There is no archive in ${folder}.`, { cause });
  });
  return names.filter((name) => name.endsWith(archiveSuffix)).toSorted((a, b) => (a < b ? -1 : 1));
}

interface Piece {
  readonly logId: string;
  readonly records: readonly StoredMessage[];
}

async function* recordsOf(path: string): AsyncGenerator<Piece, void, undefined> {
  let logId = '';
  for await (const chunk of readChunks(createReadStream(path))) {
    const part = partOf(chunk);
    if (part.kind === 'head') ({ logId } = part.head);
    if (part.kind === 'records') yield { logId, records: part.records };
  }
}

/**
 * Pruning goes upwards, so a number that is not above all before it under the same log id is one that a
 * crash, or a write that failed, made come again.
 */
class SeenSeqs {
  readonly #lastSeqs = new Map<string, number>();

  fresh(logId: string, records: readonly StoredMessage[]): readonly StoredMessage[] {
    const lastSeq = this.#lastSeqs.get(logId) ?? 0;
    const fresh = records.filter(({ seq }) => seq > lastSeq);
    this.#lastSeqs.set(logId, Math.max(lastSeq, fresh.at(-1)?.seq ?? 0));
    return fresh;
  }
}
