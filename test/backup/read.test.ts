// Backups of real stores: written, restored elsewhere, and refused when anything about them is wrong.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { chunkTypes, encodeChunk, fileHead, readChunks } from '../../src/backup/container.ts';
import type { Chunk, ChunkType } from '../../src/backup/container.ts';
import { readBackup } from '../../src/backup/read.ts';
import type { BackupPart } from '../../src/backup/read.ts';
import { decodeRecords, encodeRecords } from '../../src/backup/records.ts';
import { writeBackup } from '../../src/backup/write.ts';
import type { TangleError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import { maxPins } from '../../src/storage/pinning.ts';
import { restoreStore } from '../../src/storage/restore.ts';
import type { Store } from '../../src/storage/store.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { collect } from '../support/collect.ts';
import { aFolder } from '../support/folder.ts';
import {
  FaultyDatabases,
  Grower,
  aRecord,
  expectConsistent,
  ioError,
  network,
  openTestStore,
} from '../storage/support.ts';

const concat = async (bytes: AsyncIterable<Buffer>): Promise<Buffer> =>
  Buffer.concat(await collect(bytes));

const backupOf = (store: Store): Promise<Buffer> =>
  concat(writeBackup({ store, network, nowMs: 1_000 }));

const partsOf = (file: Buffer): Promise<BackupPart[]> => collect(readBackup(Readable.from([file])));

async function refusal(file: Buffer): Promise<TangleError> {
  try {
    await partsOf(file);
  } catch (error) {
    return error as TangleError;
  }
  throw new Error('it was read');
}

async function restore(file: Buffer, dataDir: string): Promise<number> {
  const parts = await partsOf(file);
  const head = parts.find((part) => part.kind === 'head')!.head;
  async function* recordsOf(kind: 'records' | 'kept') {
    for await (const part of readBackup(Readable.from([file]))) {
      if (part.kind === kind) yield part.records;
    }
  }
  const pinned = parts.find((part) => part.kind === 'pinned')?.pinned;
  const { messageCount } = await restoreStore(
    { dataDir, durability: 'power-loss', network, cacheBytes: 4 << 20 },
    {
      ...head,
      entryPoints: parts.flatMap((part) => (part.kind === 'entryPoints' ? part.entryPoints : [])),
      pins: { ids: [], indexKeys: [], ...pinned, kept: recordsOf('kept') },
      records: recordsOf('records'),
    },
    { log: silentLogger },
  );
  return messageCount;
}

const hexes = (records: readonly { readonly id: Uint8Array }[]): string[] =>
  records.map(({ id }) => messageIdHex(id));

/** A store that keeps one message below its cut. */
async function aKeptMessage() {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await aFolder());
  const databases = new FaultyDatabases();
  const store = opening.use(await openTestStore(folder.path, { openDatabase: databases.open }));
  const records = Array.from({ length: 100 }, () => aRecord());
  const pinned = records[8]!;
  await store.append(records);
  await store.pin(pinned, Infinity);
  opening.use(store.hold([genesisId]));
  await store.cut({ upToSeq: 40 });
  const owned = opening.move();
  return { store, databases, pinned, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The sentence with which a backup ends; something happens before the pinned messages are read. */
async function failureOf(store: Store, happens?: () => Promise<void>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeBackup({ store, network, nowMs: 1_000 })) {
    chunks.push(chunk);
    // The head of the file, and the chunk with the boundary.
    if (chunks.length === 2) await happens?.();
  }
  const { code, message } = await refusal(Buffer.concat(chunks));
  expect(code).toBe('BACKUP_FAILED');
  return message;
}

describe('a backup', () => {
  it('makes the same store elsewhere, under another log id, that goes on above its numbers', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    let file: Buffer = Buffer.alloc(0);
    let logId = '';
    {
      await using store = await openTestStore(join(folder.path, 'first'));
      for (let append = 0; append < 30; append++) await store.append(grower.many(100));
      ({ logId } = store);
      file = await backupOf(store);
    }
    const target = join(folder.path, 'second');
    expect(await restore(file, target)).toBe(3_000);
    await using store = await openTestStore(target);
    expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
    expect(store.logId).not.toBe(logId);
    expect(await store.append([grower.next()])).toEqual([3_001]);
    expect(await readdir(target)).not.toContain('rebuild');
  });

  it('of a store that was cut holds the entry points, and its past stays out', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    let file: Buffer = Buffer.alloc(0);
    {
      await using store = await openTestStore(join(folder.path, 'first'));
      await store.append(grower.many(100));
      await store.cut({ upToSeq: 40 });
      file = await backupOf(store);
    }
    const target = join(folder.path, 'second');
    await restore(file, target);
    await using store = await openTestStore(target);
    expect(store).toMatchObject({ cutSeq: 40, messageCount: 60, lastSeq: 100 });
    // Its index is new, and has nothing of what was pruned.
    expect(store.staleIndexCount).toBe(0);
    const [gone, kept] = [grower.records[0]!, grower.records[60]!];
    expect(await store.facts([gone.id, genesisId])).toEqual([undefined, undefined]);
    expect(store.get(kept.id)).toMatchObject({ seq: 61, arrivalMs: kept.arrivalMs });
    await store.append([grower.next()]);
  });

  it('holds what is pinned, and what is kept of it below the cut', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const indexKey = Buffer.from('index 1');
    let file: Buffer = Buffer.alloc(0);
    {
      await using store = await openTestStore(join(folder.path, 'first'));
      await store.append(grower.many(100));
      const [kept, above] = [grower.records[8]!, grower.records[50]!];
      for (const target of [kept, above, { indexKey }]) await store.pin(target, Infinity);
      await store.cut({ upToSeq: 40 });
      file = await backupOf(store);
    }
    const target = join(folder.path, 'second');
    await restore(file, target);
    {
      await using store = await openTestStore(target);
      await expectConsistent(store);
      expect(store.get(grower.records[8]!.id)).toMatchObject({ seq: 9, arrivalMs: 1_008 });
      expect((await store.findByIndex(indexKey, { limit: 100 })).messages).toHaveLength(33);
      const { messages, indexKeys } = await store.listPins();
      expect(messages.map(({ state }) => state).toSorted()).toEqual(['kept', 'stored']);
      expect(indexKeys).toEqual([indexKey]);
      expect(store.pinTotals).toMatchObject({ keptCount: 14 });
      await store.cut({ upToSeq: 60 });
      expect(store.get(grower.records[50]!.id)?.seq).toBe(51);
      await expectConsistent(store);
    }
    const verifyOptions = { network, cacheBytes: 4 << 20, onProgress: () => undefined };
    const { faults } = await verifyStore({ ...verifyOptions, dataDir: target });
    expect(faults).toEqual([]);
  });

  it('fails rather than miss a pinned message that comes again while the pinned ones are read', async () => {
    await using kept = await aKeptMessage();
    const { store, pinned } = kept;
    const readKept = store.readKept.bind(store);
    const busy = Object.assign(store, {
      readKept: async (page: Parameters<Store['readKept']>[0]) => {
        await store.append([pinned]);
        return readKept(page);
      },
    });
    expect(await failureOf(busy)).toMatch(/came again .* try again/);
    const parts = await partsOf(await backupOf(Object.assign(store, { readKept })));
    expect(parts.some(({ kind }) => kind === 'kept')).toBe(false);
    await expectConsistent(store);
  });

  it('fails, too, when it comes again while the backup begins', async () => {
    await using kept = await aKeptMessage();
    const { store, databases, pinned } = kept;
    const held = databases.holdNext('log');
    const before = store.keptEpoch;
    const appending = store.append([pinned]);
    while (store.keptEpoch === before) await setImmediate();
    const failure = await failureOf(store, async () => {
      held[Symbol.dispose]();
      await appending;
    });
    expect(failure).toMatch(/came again .* try again/);
  });

  it('fails, too, when an append of it that failed is there after a reopening', async () => {
    await using kept = await aKeptMessage();
    const { store, databases, pinned } = kept;
    databases.failNext({ which: 'log', kind: 'unsynced', message: ioError });
    await expect(store.append([pinned])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const failure = await failureOf(store, async () => {
      while (!store.state().writable) await setImmediate();
    });
    expect(failure).toMatch(/came again .* try again/);
    expect(store.get(pinned.id)?.seq).toBe(101);
  });

  it('keeps numbers that jump', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    let file: Buffer = Buffer.alloc(0);
    {
      await using store = await openTestStore(join(folder.path, 'first'));
      await store.append(grower.many(20));
      file = await backupOf(store);
    }
    const once = join(folder.path, 'once');
    await restore(file, once);
    {
      await using store = await openTestStore(once);
      await store.append(grower.many(5));
    }
    // Without its index nobody knows how far numbers were given.
    await rm(join(once, 'index'), { recursive: true });
    {
      await using store = await openTestStore(once);
      await store.append(grower.many(5));
      file = await backupOf(store);
    }
    const twice = join(folder.path, 'twice');
    await restore(file, twice);
    await using store = await openTestStore(twice);
    expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
  });

  it('leaves out what arrives after its beginning', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await using store = await openTestStore(folder.path);
    await store.append(grower.many(10));
    const pieces = writeBackup({ store, network, nowMs: 1_000 });
    const first = [(await pieces.next()).value!];
    await store.append(grower.many(10));
    const parts = await partsOf(Buffer.concat([...first, await concat(pieces)]));
    const records = parts.flatMap((part) => (part.kind === 'records' ? part.records : []));
    expect(hexes(records)).toEqual(hexes(grower.records.slice(0, 10)));
  });

  it('that pruning overtakes says so instead of ending', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    await using store = await openTestStore(folder.path);
    await store.append(grower.many(10));
    const pieces = writeBackup({ store, network, nowMs: 1_000 });
    const first = [(await pieces.next()).value!];
    await store.cut({ upToSeq: 5 });
    const { code, message } = await refusal(Buffer.concat([...first, await concat(pieces)]));
    expect(code).toBe('BACKUP_FAILED');
    expect(message).toContain('Pruning was faster');
  });

  it('of a store with a damaged message says what to do', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append(new Grower().many(10));
    const source = {
      store: {
        ...pick(store),
        readLog: async (page: Parameters<Store['readLog']>[0]) =>
          (await store.readLog(page)).filter(({ seq }) => seq !== 4),
      },
      network,
      nowMs: 1,
    };
    const { code, message } = await refusal(await concat(writeBackup(source)));
    expect(code).toBe('BACKUP_FAILED');
    expect(message).toContain('midge db repair');
  });
});

function pick(store: Store) {
  const { logId, lastSeq, cutSeq, messageCount, keptEpoch } = store;
  const readEntryPoints: Store['readEntryPoints'] = (page) => store.readEntryPoints(page);
  const readKept: Store['readKept'] = (page) => store.readKept(page);
  const listPins: Store['listPins'] = () => store.listPins();
  return { logId, lastSeq, cutSeq, messageCount, keptEpoch, readEntryPoints, readKept, listPins };
}

async function aBackup(count = 5): Promise<{ file: Buffer; chunks: Chunk[] }> {
  await using folder = await aFolder();
  await using store = await openTestStore(folder.path);
  await store.append(new Grower().many(count));
  const file = await backupOf(store);
  return { file, chunks: await collect(readChunks(Readable.from([file]))) };
}

const fileOf = (chunks: readonly Buffer[]): Buffer => Buffer.concat([fileHead(), ...chunks]);
const stored = (chunks: readonly Chunk[]): Buffer[] => chunks.map((chunk) => chunk.stored);

describe('a backup is refused', () => {
  it('when its end is missing', async () => {
    const { chunks } = await aBackup();
    const file = fileOf(stored(chunks.slice(0, -1)));
    expect((await refusal(file)).message).toBe('The file is cut off: its end is missing.');
  });

  it('when chunks are left out, repeated, moved or added, all of them intact', async () => {
    const { chunks } = await aBackup();
    const [head, points, records, end] = stored(chunks) as [Buffer, Buffer, Buffer, Buffer];
    const mixed = [
      [points, records, end],
      [head, records, end],
      [head, points, end],
      [head, head, points, records, end],
      [head, points, records, records, end],
      [head, records, points, end],
      [head, points, records, end, end],
      [head, points, records, end, records],
    ];
    for (const one of mixed) expect((await refusal(fileOf(one))).code).toBe('BACKUP_INVALID');
  });

  it('when one message was exchanged for another, with checksums that fit', async () => {
    const { chunks } = await aBackup();
    const other = await aBackup();
    const [head, points, , end] = stored(chunks) as [Buffer, Buffer, Buffer, Buffer];
    const file = fileOf([head, points, other.chunks[2]!.stored, end]);
    expect((await refusal(file)).message).toContain('not as it was written');
  });

  it('when a chunk of pins names nothing, or too much', async () => {
    const { chunks } = await aBackup();
    const [head, points, records, end] = stored(chunks) as [Buffer, Buffer, Buffer, Buffer];
    const many = Array.from({ length: maxPins.indexKeys + 1 }, (_, n) => Buffer.from(`key ${n}`));
    const payloads = [
      Buffer.of(),
      Buffer.of(3),
      Buffer.of(1, 1, 32, 5),
      Buffer.of(1, 1, 1, 5),
      Buffer.of(1, 2, 0),
      Buffer.concat([Buffer.of(1, 2, 65), Buffer.alloc(65)]),
      Buffer.concat([Buffer.of(1), ...many.flatMap((key) => [Buffer.of(2, key.length), key])]),
      Buffer.concat([Buffer.of(2), encodeRecords([{ ...aRecord(), seq: 1 }])]),
    ];
    for (const payload of payloads) {
      const pins = await encodeChunk(chunkTypes.pins, payload);
      const { code } = await refusal(fileOf([head, points, pins, records, end]));
      expect(code).toBe('BACKUP_INVALID');
    }
  });

  it('when a chunk is of no kind that there is', async () => {
    const { chunks } = await aBackup();
    const strange = await encodeChunk(99 as ChunkType, Buffer.from('x'));
    const file = fileOf([chunks[0]!.stored, strange]);
    expect((await refusal(file)).code).toBe('BACKUP_INVALID');
  });
});

const options = (dataDir: string) =>
  ({ dataDir, durability: 'power-loss', network, cacheBytes: 4 << 20 }) as const;

describe('a restore', () => {
  const genesis = { id: genesisId, neededSeq: 0, isLazy: false, isHeld: false };
  const entryPoints = [{ ...genesis, firstChildMs: undefined }];
  const source = (records: readonly ReturnType<typeof aRecord>[]) => ({
    cutSeq: 0,
    lastSeq: records.length,
    entryPoints,
    records: Readable.from([records.map((record, at) => ({ ...record, seq: at + 1 }))]),
  });

  it('refuses messages that do not hang together', async () => {
    await using folder = await aFolder();
    const orphan = aRecord({ parents: [aRecord().id] });
    const log = { log: silentLogger };
    await expect(restoreStore(options(folder.path), source([orphan]), log)).rejects.toThrow(
      `the message ${messageIdHex(orphan.id)} names a parent that is not in it`,
    );
    const once = aRecord();
    const twice = source([once, once]);
    await expect(restoreStore(options(folder.path), twice, log)).rejects.toThrow('twice');
    const foreign = { ...options(folder.path), network: { name: 'x', id: 1n } };
    await expect(restoreStore(foreign, source([once]), log)).rejects.toThrow('another network');
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('adds to no folder that holds messages, but fills that of a node that never stored one', async () => {
    await using folder = await aFolder();
    const log = { log: silentLogger };
    await (await openTestStore(folder.path))[Symbol.asyncDispose]();
    const records = [aRecord()];
    expect(await restoreStore(options(folder.path), source(records), log)).toEqual({
      messageCount: 1,
    });
    await expect(restoreStore(options(folder.path), source(records), log)).rejects.toThrow(
      'holds 1 messages already',
    );
  });

  it('that was killed leaves no folder from which a node starts, and can be begun anew', async () => {
    await using folder = await aFolder();
    await mkdir(join(folder.path, 'rebuild', 'log'), { recursive: true });
    await writeFile(join(folder.path, 'rebuild', 'log', 'CURRENT'), 'half-made');
    await expect(openTestStore(folder.path)).rejects.toThrow('Run "midge restore" again');
    await restoreStore(options(folder.path), source([aRecord()]), { log: silentLogger });
    await using store = await openTestStore(folder.path);
    expect(store.messageCount).toBe(1);
  });
});

describe('records in a chunk', () => {
  it('that are no records are refused', () => {
    const bytes = encodeRecords([{ ...aRecord(), seq: 1 }]);
    expect(decodeRecords(bytes)).toHaveLength(1);
    for (let size = 1; size < bytes.length; size++) {
      expect(decodeRecords(bytes.subarray(0, size))).toBeUndefined();
    }
  });
});
