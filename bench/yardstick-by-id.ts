// The yardstick of the store's bench: the same work as the field's nodes lay it out, everything under the id
// of the message in one LevelDB. Not a part of Midge. Where the field does more, this does less: it
// rewrites no metadata when milestones come, keeps no entry points, and its messages wait for nothing.
import { join } from 'node:path';
import { decodeMessage } from '../src/protocol/codec.ts';
import { idText } from '../src/protocol/ids.ts';
import type { MessageId } from '../src/protocol/ids.ts';
import { indexKeyOf } from '../src/protocol/message.ts';
import { commit, indexBufferBytes, openDatabase } from '../src/storage/database.ts';
import type { Batch, Database } from '../src/storage/database.ts';
import { Recent } from '../src/storage/recent.ts';
import type { Facts, NewRecord } from '../src/storage/store.ts';

/** First byte of every key, as in the field. */
const prefixes = { messages: 1, metadata: 2, children: 4, unreferenced: 6, indexation: 7 };
const paddedIndexBytes = 64;
const idBytes = 32;
/** Flags, solidification time, referenced index, conflict, three cone indexes, count of parents. */
const metadataHeadBytes = 23;
const parentCountAt = metadataHeadBytes - 1;
/** A milestone every 10 s at a hundred messages a second; what is unreferenced lies in its bucket. */
export const messagesPerMilestone = 1_000;
const nothing = Buffer.alloc(0);

const keyOf = (prefix: number, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(prefix), ...parts]);

function unreferencedBucket(milestone: number): Buffer {
  const index = Buffer.alloc(4);
  // Little-endian, as in the field.
  index.writeUInt32LE(milestone);
  return keyOf(prefixes.unreferenced, index);
}

function paddedIndex(indexKey: Uint8Array): Buffer {
  const padded = Buffer.alloc(paddedIndexBytes);
  padded.set(indexKey);
  return padded;
}

function encodeMetadata({ arrivalMs, parents }: NewRecord): Buffer {
  const head = Buffer.alloc(metadataHeadBytes);
  head[0] = 1;
  head.writeUInt32LE(Math.floor(arrivalMs / 1000), 1);
  head[parentCountAt] = parents.length;
  return Buffer.concat([head, ...parents]);
}

function parentsOf(metadata: Buffer): Buffer[] {
  return Array.from({ length: metadata[parentCountAt] ?? 0 }, (_, position) => {
    const at = metadataHeadBytes + position * idBytes;
    return metadata.subarray(at, at + idBytes);
  });
}

export interface YardstickOptions {
  readonly dataDir: string;
  readonly isSynced: boolean;
  /** The same as the store's, in the same shares: a quarter for facts, the rest for blocks. */
  readonly cacheBytes: number;
}

export class YardstickById implements AsyncDisposable {
  readonly #db: Database;
  readonly #isSynced: boolean;
  readonly #recent: Recent;
  messageCount = 0;

  private constructor(db: Database, { isSynced, cacheBytes }: YardstickOptions) {
    this.#db = db;
    this.#isSynced = isSynced;
    this.#recent = new Recent(cacheBytes / 4);
  }

  static async open(options: YardstickOptions): Promise<YardstickById> {
    const location = join(options.dataDir, 'tangle');
    return new YardstickById(
      await openDatabase(location, {
        cacheBytes: (options.cacheBytes * 3) / 4,
        writeBufferBytes: indexBufferBytes,
      }),
      options,
    );
  }

  /** Whether the parents are solid: from memory, else from their metadata. */
  async facts(ids: readonly MessageId[]): Promise<readonly (Facts | undefined)[]> {
    const keys = ids.map(idText);
    const known = keys.map((key) => this.#recent.get(key));
    const missing = ids.filter((_, position) => known[position] === undefined);
    if (missing.length === 0) return known;
    const { changeCount } = this.#recent;
    const values = await this.#db.getMany(missing.map((id) => keyOf(prefixes.metadata, id)));
    const read = new Map<string, Facts>();
    for (const [position, id] of missing.entries()) {
      const value = values[position];
      if (value !== undefined || isGenesis(id)) read.set(idText(id), factsOf(value));
    }
    return keys.map((key, position) => {
      const facts = known[position] ?? read.get(key);
      return facts && this.#recent.keepRead(key, facts, changeCount);
    });
  }

  async append(records: readonly NewRecord[]): Promise<readonly number[]> {
    const batch = this.#db.batch();
    const changed = new Map<string, Facts>();
    for (const record of records) {
      const milestone = Math.floor(this.messageCount++ / messagesPerMilestone);
      putMessage(batch, record, milestone);
      changed.set(idText(record.id), factsOf(undefined));
    }
    await commit(batch, { sync: this.#isSynced });
    this.#recent.change(changed);
    return records.map(() => 0);
  }

  addPending(): Promise<void> {
    return Promise.reject(new Error('in the bench no message waits'));
  }

  readPending(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  readLogBackwards(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  readEntryPoints(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  hold(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  isHeld(): boolean {
    return false;
  }

  get(id: MessageId): Buffer | undefined {
    return this.#db.getSync(keyOf(prefixes.messages, id));
  }

  async findByIndex(indexKey: Uint8Array, limit: number): Promise<readonly Buffer[]> {
    const gte = keyOf(prefixes.indexation, paddedIndex(indexKey));
    const lt = Buffer.concat([gte, Buffer.alloc(idBytes, 0xff)]);
    const keys = await this.#db.keys({ gte, lt, limit }).all();
    return keys.map((key) => key.subarray(1 + paddedIndexBytes));
  }

  /**
   * Deletes what lies in the milestone's bucket, key by key, as the field does; in one batch, as the field
   * does not. Returns how many messages that were.
   */
  async prune(milestone: number): Promise<number> {
    const bucket = unreferencedBucket(milestone);
    const lt = Buffer.concat([bucket, Buffer.alloc(idBytes, 0xff)]);
    const buckets = await this.#db.keys({ gte: bucket, lt }).all();
    const ids = buckets.map((key) => key.subarray(bucket.length));
    const metadata = await this.#db.getMany(ids.map((id) => keyOf(prefixes.metadata, id)));
    const messages = await this.#db.getMany(ids.map((id) => keyOf(prefixes.messages, id)));
    const batch = this.#db.batch();
    for (const [position, id] of ids.entries()) {
      for (const parent of parentsOf(metadata[position]!)) {
        batch.del(keyOf(prefixes.children, parent, id));
      }
      const indexKey = indexKeyOf(decodeMessage(messages[position]!));
      if (indexKey !== undefined) {
        batch.del(keyOf(prefixes.indexation, paddedIndex(indexKey), id));
      }
      batch.del(keyOf(prefixes.metadata, id));
      batch.del(keyOf(prefixes.messages, id));
      batch.del(buckets[position]!);
    }
    await commit(batch, { sync: this.#isSynced });
    return ids.length;
  }

  /** Takes what was deleted off the disk. It lies everywhere. */
  compact(): Promise<void> {
    return this.#db.compactRange(Buffer.of(0), Buffer.of(255));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#db.close();
  }
}

function putMessage(batch: Batch, record: NewRecord, milestone: number): void {
  const { id, bytes, parents, indexKey } = record;
  batch.put(
    keyOf(prefixes.messages, id),
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  );
  batch.put(keyOf(prefixes.metadata, id), encodeMetadata(record));
  for (const parent of parents) batch.put(keyOf(prefixes.children, parent, id), nothing);
  batch.put(Buffer.concat([unreferencedBucket(milestone), id]), nothing);
  if (indexKey !== undefined) {
    batch.put(keyOf(prefixes.indexation, paddedIndex(indexKey), id), nothing);
  }
}

const isGenesis = (id: MessageId): boolean => id.every((byte) => byte === 0);

/** Solid, never stale: all that the door asks of a parent. */
function factsOf(metadata: Buffer | undefined): Facts {
  const arrivalMs = metadata === undefined ? 0 : metadata.readUInt32LE(1) * 1000;
  return {
    seq: 0,
    arrivalMs,
    isLazy: false,
    firstChildMs: undefined,
    isEntryPoint: false,
    isClosed: false,
  };
}
