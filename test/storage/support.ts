// Folders, records and faults for the tests of the store. Databases are real ones in temporary folders.
import { randomBytes } from 'node:crypto';
import { cp, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { expect } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { compareBytes } from '../../src/protocol/bytes.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { genesisId, messageIdHex, messageIdOf, networkIdOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { indexKeyOf } from '../../src/protocol/message.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database, OpenDatabase } from '../../src/storage/database.ts';
import { openStore } from '../../src/storage/open.ts';
import type { StoreDeps, StoreOptions } from '../../src/storage/open.ts';
import type { EntryPointRecord, NewRecord, Store, StoredMessage } from '../../src/storage/store.ts';
import { examineTable } from '../../src/storage/table-file.ts';

export const network = { name: 'store-test', id: networkIdOf('store-test') };

type Wish = Partial<StoreOptions> & Partial<StoreDeps>;

export function openTestStore(dataDir: string, wish: Wish = {}): Promise<Store> {
  const { durability = 'power-loss', cacheBytes = 4 * 1024 * 1024, reindex } = wish;
  return openStore(
    { dataDir, durability, network: wish.network ?? network, cacheBytes, reindex },
    { log: silentLogger, ...wish },
  );
}

/** What kill -9 would leave: LevelDB hands every write to the system before it says that it is done. */
export async function copyOf(dataDir: string, target: string): Promise<string> {
  await rm(target, { recursive: true, force: true });
  await cp(dataDir, target, { recursive: true });
  await rm(join(target, 'log', 'LOCK'), { force: true });
  await rm(join(target, 'index', 'LOCK'), { force: true });
  return target;
}

export async function writeAheadFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name));
  return names.toSorted().map((name) => join(folder, name));
}

/** The files of the tables, the oldest first. */
export async function tablesOf(location: string): Promise<string[]> {
  const names = (await readdir(location)).filter((name) => name.endsWith('.ldb'));
  return names.toSorted().map((name) => join(location, name));
}

/** A table and its blocks as they were written. */
export async function readTable(table: string) {
  const bytes = await readFile(table);
  const { blocks } = await examineTable(table, bytes.length);
  return { table, bytes, blocks };
}

/** The database itself, behind the store's back and while the store is closed. */
export async function withDatabase<T>(
  location: string,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  await using db = new ClassicLevel<Buffer, Buffer>(location, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  });
  await db.open();
  return await work(db);
}

export interface RecordWish {
  readonly parents?: readonly MessageId[];
  readonly index?: string | Uint8Array | undefined;
  readonly arrivalMs?: number;
  readonly isLazy?: boolean;
  readonly dataBytes?: number;
}

/** A record that differs from all others; its proof of work is none of the store's concern. */
export function aRecord(wish: RecordWish = {}): NewRecord {
  const parents = [...(wish.parents ?? [genesisId])].toSorted(compareBytes);
  const indexKey = Buffer.from(wish.index ?? 'test');
  const data = randomBytes(wish.dataBytes ?? 16);
  const bytes = encodeMessage({
    networkId: network.id,
    parents,
    payload: { type: 2, index: indexKey, data },
    nonce: 0n,
  });
  const { arrivalMs = 1_000, isLazy = false } = wish;
  return { id: messageIdOf(bytes), bytes, parents, indexKey, arrivalMs, isLazy };
}

/** A Tangle that grows: each record names up to two of the newest records before it. */
export class Grower {
  readonly records: NewRecord[] = [];

  next(wish: RecordWish = {}): NewRecord {
    const newest = this.records.slice(-2).map(({ id }) => id);
    const record = aRecord({
      parents: newest.length === 0 ? [genesisId] : newest,
      index: `index ${this.records.length % 3}`,
      arrivalMs: 1_000 + this.records.length,
      isLazy: this.records.length % 5 === 4,
      ...wish,
    });
    this.records.push(record);
    return record;
  }

  many(count: number, wish: RecordWish = {}): NewRecord[] {
    return Array.from({ length: count }, () => this.next(wish));
  }
}

export async function readAll(
  store: Store,
  read: 'readLog' | 'readKept' = 'readLog',
): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  for (;;) {
    const fromSeq = (all.at(-1)?.seq ?? 0) + 1;
    const page = await store[read]({ fromSeq, limit: 1_000, maxBytes: 1 << 24 });
    if (page.length === 0) return all;
    all.push(...page);
  }
}

const hexes = (ids: readonly MessageId[]): string[] => ids.map(messageIdHex);

/** Every read agrees with the log and with what is kept below the cut. Returns what the log holds. */
export async function expectConsistent(store: Store): Promise<StoredMessage[]> {
  const all = await readAll(store);
  const seqs = new Map(all.map(({ id, seq }) => [messageIdHex(id), seq]));
  expect(seqs.size).toBe(all.length);
  expect(store.messageCount).toBe(all.length);
  expect(store.lastSeq).toBe(all.at(-1)?.seq ?? 0);
  const points = await readPoints(store);
  const children = new Map<string, StoredMessage[]>();
  if (points.has(messageIdHex(genesisId))) children.set(messageIdHex(genesisId), []);
  const found = new Map<string, string[]>();
  const enter = ({ id, bytes }: StoredMessage): void => {
    const key = Buffer.from(indexKeyOf(decodeMessage(bytes)) ?? []).toString('hex');
    found.set(key, [messageIdHex(id), ...(found.get(key) ?? [])]);
  };
  for (const message of await readAll(store, 'readKept')) {
    expect(message.seq).toBeLessThanOrEqual(store.cutSeq);
    expect(store.get(message.id)).toEqual(message);
    const { parents } = decodeMessage(message.bytes);
    if (hexes(parents).includes(messageIdHex(genesisId))) {
      children.get(messageIdHex(genesisId))?.push(message);
    }
    enter(message);
  }
  for (const message of all) {
    expect(Buffer.compare(messageIdOf(message.bytes), message.id)).toBe(0);
    expect(store.get(message.id)).toEqual(message);
    const decoded = decodeMessage(message.bytes);
    for (const parent of hexes(decoded.parents)) {
      const neededSeq = points.get(parent)?.neededSeq ?? 0;
      const isThere = children.has(parent) || neededSeq >= message.seq;
      expect(isThere, 'a parent comes before its child, or is an entry point').toBe(true);
      if (points.has(parent)) expect(neededSeq).toBeGreaterThanOrEqual(message.seq);
      children.get(parent)?.push(message);
    }
    children.set(messageIdHex(message.id), []);
    enter(message);
  }
  for (const [key, ids] of found) {
    const answer = await store.findByIndex(Buffer.from(key, 'hex'), { limit: 1_000_000 });
    expect(hexes(answer.messages.map(({ id }) => id))).toEqual(ids);
  }
  await expectFacts(store, children, seqs);
  return all;
}

/** By hex of the id, as they lie on the disk. */
export async function readPoints(store: Store): Promise<Map<string, EntryPointRecord>> {
  const points = new Map<string, EntryPointRecord>();
  let afterId: MessageId | undefined;
  do {
    const page = await store.readEntryPoints({ afterId, limit: 7 });
    for (const point of page) points.set(messageIdHex(point.id), point);
    afterId = page.at(-1)?.id;
  } while (afterId !== undefined);
  expect(points.size).toBe(store.entryPointCount);
  return points;
}

/** Slice by slice, as far as it goes. Returns how many messages went. */
export async function cutUpTo(store: Store, upToSeq: number): Promise<number> {
  let count = 0;
  for (;;) {
    const slice = await store.cut({ upToSeq });
    if (slice === undefined) return count;
    count += slice.messageCount;
  }
}

/** All that was pruned leaves the index. */
export async function sweepAll(store: Store): Promise<void> {
  while (store.staleIndexCount > 0) await store.compact('index');
}

async function expectFacts(
  store: Store,
  children: ReadonlyMap<string, readonly StoredMessage[]>,
  seqs: ReadonlyMap<string, number>,
): Promise<void> {
  const ids = [...children.keys()].map((hex) => Buffer.from(hex, 'hex') as unknown as MessageId);
  const facts = await store.facts(ids);
  for (const [position, [hex, mine]] of [...children].entries()) {
    const steady = mine.filter(({ isLazy }) => !isLazy);
    expect(facts[position]?.seq).toBe(seqs.get(hex) ?? 0);
    // The first child of an entry point may lie below the cut.
    const isWhole = facts[position]?.seq !== 0 || store.cutSeq === 0;
    if (isWhole) expect(facts[position]?.firstChildMs).toBe(steady[0]?.arrivalMs);
    const lazy = mine.filter(({ isLazy }) => isLazy);
    const answer = await store.childrenOf(ids[position]!, 10_000);
    expect(hexes(answer)).toEqual(hexes([...steady, ...lazy].map(({ id }) => id)));
  }
}

type Which = 'log' | 'index';
interface WriteOptions {
  readonly sync?: boolean;
}

/** How LevelDB fails: `torn` leaves half a record in the file, `unsynced` the whole one. */
export interface Fault {
  readonly which: Which;
  readonly kind: 'torn' | 'unsynced';
  readonly message: string;
}

/**
 * Databases that fail on demand the way LevelDB does. After a torn write they say yes to every further one
 * and forget it, as the replay of the write-ahead file would; after a failed fsync they refuse.
 */
export class FaultyDatabases {
  #next: Fault | undefined;
  #held: { readonly which: Which; readonly promise: Promise<void> } | undefined;
  #openFailures: Error[] = [];
  /** Batches that succeeded, in the order in which they did. */
  readonly written: string[] = [];
  /** Batches that were acknowledged behind a torn one. */
  forgottenCount = 0;
  openCount = 0;

  /** Until it is disposed of, the next write of this database waits. */
  holdNext(which: Which): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = { which, promise };
    return { [Symbol.dispose]: resolve };
  }

  async #untilLetGo(which: Which): Promise<void> {
    const held = this.#held;
    if (held?.which !== which) return;
    this.#held = undefined;
    await held.promise;
  }

  failNext(fault: Fault): void {
    this.#next = fault;
  }

  failOpenings(...errors: readonly Error[]): void {
    this.#openFailures.push(...errors);
  }

  readonly open: OpenDatabase = async (location, sizes) => {
    const failure = this.#openFailures.shift();
    if (failure !== undefined) throw failure;
    this.openCount += 1;
    const db = await openDatabase(location, sizes);
    const which: Which = location.endsWith('log') ? 'log' : 'index';
    let failed: Fault | undefined;
    const batch = db.batch.bind(db) as () => ReturnType<Database['batch']>;
    const isTurn = (): boolean => {
      if (failed !== undefined || this.#next?.which !== which) return false;
      failed = this.#next;
      this.#next = undefined;
      return true;
    };
    const clear = db.clear.bind(db) as (range: object) => Promise<void>;
    const faultyClear = async (range: object): Promise<void> => {
      isTurn();
      if (failed !== undefined) throw ioErrorOf(failed);
      return clear(range);
    };
    const faulty = () => {
      const chained = batch();
      const write = chained.write.bind(chained);
      const faultyWrite = async (options: WriteOptions = {}): Promise<void> => {
        await this.#untilLetGo(which);
        if (isTurn() && failed !== undefined) {
          await (failed.kind === 'torn' ? chained.close() : write(options));
          throw ioErrorOf(failed);
        }
        if (failed === undefined) {
          await write(options);
          this.written.push(options.sync === true ? `${which}, fsynced` : which);
          return;
        }
        if (failed.kind === 'unsynced') throw ioErrorOf(failed);
        this.forgottenCount += 1;
        return chained.close();
      };
      return Object.assign(chained, { write: faultyWrite });
    };
    return Object.assign(db, { batch: faulty, clear: faultyClear });
  };
}

function ioErrorOf({ message }: Fault): Error {
  return Object.assign(new Error(message), { code: 'LEVEL_IO_ERROR' });
}

export const ioError = 'IO error: 000005.log: Input/output error';
export const noSpace = 'IO error: 000005.log: No space left on device';
