// Where pruned messages go when the owner wants to keep them: files in a folder, each with chunks as a backup has
// them. A slice is on the disk before it leaves the log. One that a crash made come twice is known by its numbers.
import { open, readdir, rename, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import { makeFolder, syncFolder } from '../files.ts';
import type { Logger } from '../log.ts';
import { hasProvenBytes } from '../storage/record-layout.ts';
import type { StoredMessage } from '../storage/store.ts';
import { chunkTypes, encodeChunk, fileHead } from './container.ts';
import type { BackupHead } from './read.ts';
import { encodeRecords } from './records.ts';

/** A file that is larger is ended and another one begun. */
const defaultMaxFileBytes = 256 * 1024 * 1024;
/** Of messages in one chunk. */
const maxChunkMessageBytes = 1024 * 1024;
export const archiveSuffix = '.midge-archive';

export interface ArchiveOptions {
  readonly folder: string;
  readonly network: { readonly name: string; readonly id: bigint };
  readonly maxFileBytes?: number;
}

export interface ArchiveDeps {
  readonly logId: () => string;
  readonly now: () => number;
  readonly log: Logger;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly logId: string;
  sizeBytes: number;
}

export class Archive implements AsyncDisposable {
  readonly #options: ArchiveOptions;
  readonly #deps: ArchiveDeps;
  #file: OpenFile | undefined;
  #failure: TangleError | undefined;

  private constructor(options: ArchiveOptions, deps: ArchiveDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Makes the folder. Throws ARCHIVE_FAILED when nothing can be written there. */
  static async open(options: ArchiveOptions, deps: ArchiveDeps): Promise<Archive> {
    try {
      await makeFolder(options.folder);
      await stat(options.folder);
    } catch (error) {
      throw failure(options.folder, error);
    }
    return new Archive(options, deps);
  }

  /**
   * What is pruned next, oldest first: on the disk when it resolves. After a failure the file is given up,
   * so that nothing is ever written behind a torn chunk. What is damaged is left out: the file has no ids, and a
   * reader would take it for another message. Throws ARCHIVE_FAILED.
   */
  readonly append = async (given: readonly StoredMessage[]): Promise<void> => {
    const records = given.filter((record) => this.#isWhole(record));
    if (records.length === 0) return;
    try {
      const file = await this.#fileFor(records);
      for (const part of partsOf(records)) {
        const chunk = await encodeChunk(chunkTypes.records, encodeRecords(part));
        await file.handle.writeFile(chunk);
        file.sizeBytes += chunk.length;
      }
      await file.handle.datasync();
      if (this.#failure !== undefined) this.#deps.log.info('the archive is written again');
      this.#failure = undefined;
    } catch (cause) {
      await this.#end();
      throw this.#fail(failure(this.#options.folder, cause));
    }
  };

  #isWhole(record: StoredMessage): boolean {
    const isWhole = hasProvenBytes(record);
    if (!isWhole) {
      this.#deps.log.error({ seq: record.seq }, 'a damaged message is pruned and not archived');
    }
    return isWhole;
  }

  /** Told once in the log: it is tried again every second. */
  #fail(error: TangleError): TangleError {
    if (this.#failure === undefined) this.#deps.log.error({ err: error }, 'nothing is pruned');
    this.#failure = error;
    return error;
  }

  /** Why nothing can be pruned, as a sentence. */
  get failure(): string | undefined {
    return this.#failure?.message;
  }

  async #fileFor(records: readonly StoredMessage[]): Promise<OpenFile> {
    const { maxFileBytes = defaultMaxFileBytes } = this.#options;
    const isFull = this.#file !== undefined && this.#file.sizeBytes >= maxFileBytes;
    const isOfOtherLog = this.#file !== undefined && this.#file.logId !== this.#deps.logId();
    if (isFull || isOfOtherLog) await this.#end();
    this.#file ??= await this.#begin(records[0]?.seq ?? 0);
    return this.#file;
  }

  /** Named by the time and by the first number in it. Under its name it has a whole head. */
  async #begin(firstSeq: number): Promise<OpenFile> {
    const { folder, network } = this.#options;
    const nowMs = this.#deps.now();
    const logId = this.#deps.logId();
    const moment = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
    const path = await freeName(folder, `${moment}-${firstSeq}`);
    const head: BackupHead = {
      kind: 'archive',
      networkName: network.name,
      networkId: network.id.toString(),
      logId,
      cutSeq: firstSeq - 1,
      lastSeq: 0,
      messageCount: 0,
      entryPointCount: 0,
      createdMs: nowMs,
    };
    const payload = Buffer.from(JSON.stringify(head));
    const begin = Buffer.concat([fileHead(), await encodeChunk(chunkTypes.head, payload)]);
    const handle = await open(`${path}.part`, 'w', 0o600);
    try {
      await handle.writeFile(begin);
      await handle.sync();
      await rename(`${path}.part`, path);
      await syncFolder(folder);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { handle, path, logId, sizeBytes: begin.length };
  }

  async #end(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

/** Two that begin within one second with the same number: a start that failed at once. */
async function freeName(folder: string, stem: string): Promise<string> {
  const taken = new Set(await readdir(folder));
  for (let attempt = 0; ; attempt++) {
    const name = `${stem}${attempt === 0 ? '' : `-${attempt}`}${archiveSuffix}`;
    if (!taken.has(name)) return join(folder, name);
  }
}

function* partsOf(records: readonly StoredMessage[]): Generator<readonly StoredMessage[]> {
  let part: StoredMessage[] = [];
  let sizeBytes = 0;
  for (const record of records) {
    part.push(record);
    sizeBytes += record.bytes.length;
    if (sizeBytes < maxChunkMessageBytes) continue;
    yield part;
    part = [];
    sizeBytes = 0;
  }
  if (part.length > 0) yield part;
}

function failure(folder: string, error: unknown): TangleError {
  const why = error instanceof Error ? error.message : String(error);
  return new TangleError(
    'ARCHIVE_FAILED',
    `The archive in ${folder} cannot be written (${why}), so nothing is pruned. Make room there, or change pruning.archive.`,
    { cause: error },
  );
}
