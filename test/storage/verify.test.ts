// Every invariant of a store has a fault that breaks it here, and nothing else than that is found.
import { existsSync } from 'node:fs';
import { cp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultTable } from '../../src/storage/findings.ts';
import type { FaultKind } from '../../src/storage/findings.ts';
import { genesisId, messageIdOf } from '../../src/protocol/ids.ts';
import type { Database } from '../../src/storage/database.ts';
import { farKey } from '../../src/storage/far-layout.ts';
import {
  childKey,
  decodePosition,
  encodeEntryPoint,
  encodeEpoch,
  encodeId,
  encodeNumber,
  encodePending,
  encodePosition,
  entryPointKey,
  epochKey,
  idKey,
  indexLayoutVersion,
  indexationKey,
  logStateKey,
  messageKey,
  pendingKey,
  pinKey,
  positionKey,
} from '../../src/storage/layout.ts';
import { pinnedKey } from '../../src/storage/pin-layout.ts';
import { decodeRecord, encodeRecord } from '../../src/storage/record-layout.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import type { VerifyReport } from '../../src/storage/verify.ts';
import type { NewRecord, Store } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import {
  Grower,
  aRecord,
  network,
  openTestStore,
  withDatabase,
  writeAheadFiles,
} from './support.ts';

const onProgress = (): void => undefined;

function verify(dataDir: string): Promise<VerifyReport> {
  return verifyStore({ dataDir, network, cacheBytes: 4 << 20, onProgress });
}

const kindsOf = ({ faults }: VerifyReport): FaultKind[] => faults.map(({ kind }) => kind);

/** 50 messages, of which the first 10 are cut and the fifth is kept, and two that wait: the sixth has come again. */
async function fill(dataDir: string): Promise<readonly NewRecord[]> {
  const grower = new Grower();
  await using store = await openTestStore(dataDir);
  await store.append(grower.many(50));
  await store.pin(grower.records[4]!, Infinity);
  await store.cut({ upToSeq: 10 });
  await store.addPending([aRecord({ parents: [aRecord().id] }), grower.records[5]!]);
  return grower.records;
}

type Break = (db: Database, records: readonly NewRecord[]) => Promise<void>;

interface Fault {
  readonly in: 'log' | 'index';
  readonly breakIt: Break;
  /** More than the one kind, where one fault breaks several invariants. */
  readonly also?: readonly FaultKind[];
}

async function change(db: Database, seq: number, flip: (value: Buffer) => Buffer): Promise<void> {
  await db.put(messageKey(seq), flip(Buffer.from((await db.get(messageKey(seq)))!)));
}

const genesisPoint = { neededSeq: 50, isLazy: false, firstChildMs: undefined, isHeld: false };

/** By the kind that is found. Those about whole files and long stores stand below. */
const faults: Readonly<
  Record<
    Exclude<
      FaultKind,
      'log-unreadable' | 'log-table' | 'index-unreadable' | 'index-table' | 'far-child-missing'
    >,
    Fault
  >
> = {
  'log-stray': { in: 'log', breakIt: (db) => db.put(Buffer.of(9, 9), Buffer.of(1)) },
  state: { in: 'log', breakIt: (db) => db.del(logStateKey('network')) },
  epochs: {
    in: 'log',
    breakIt: (db) => {
      const epoch = { firstSeq: 60, logId: Buffer.alloc(16, 1), lastSeqBefore: 70 };
      return db.put(epochKey(60), encodeEpoch(epoch));
    },
  },
  'record-damaged': {
    in: 'log',
    breakIt: (db) =>
      change(db, 30, (value) => {
        value[value.length - 9] = value.readUInt8(value.length - 9) ^ 1;
        return value;
      }),
  },
  'record-invalid': {
    in: 'log',
    // Whole in itself, but the network of its message is another.
    breakIt: async (db, records) => {
      const bytes = Buffer.from(records.at(-1)!.bytes);
      bytes[0] = bytes.readUInt8(0) ^ 1;
      const old = decodeRecord(50, (await db.get(messageKey(50)))!)!;
      await db.put(messageKey(50), encodeRecord({ ...old, bytes, id: messageIdOf(bytes) }));
    },
  },
  gap: {
    in: 'log',
    breakIt: (db) => db.del(messageKey(30)),
    also: ['parent-missing'],
  },
  'arrival-order': {
    in: 'log',
    breakIt: (db) =>
      change(db, 30, (value) => encodeRecord({ ...decodeRecord(30, value)!, arrivalMs: 1 })),
  },
  'parent-missing': {
    in: 'log',
    // What its children still need was pruned.
    breakIt: (db, records) => db.del(entryPointKey(records[9]!.id)),
  },
  'parent-later': {
    in: 'log',
    breakIt: async (db) => {
      const [first, second] = [await db.get(messageKey(30)), await db.get(messageKey(31))];
      const [child, parent] = [decodeRecord(31, second!)!, decodeRecord(30, first!)!];
      await db.put(messageKey(30), encodeRecord({ ...child, seq: 30, arrivalMs: 1_029 }));
      await db.put(messageKey(31), encodeRecord({ ...parent, seq: 31, arrivalMs: 1_030 }));
    },
    also: [
      'id-wrong',
      'child-missing',
      'indexation-missing',
      'children-surplus',
      'indexation-surplus',
    ],
  },
  'entry-point': {
    in: 'log',
    breakIt: (db, records) =>
      db.put(
        entryPointKey(records[9]!.id),
        encodeEntryPoint({ ...genesisPoint, neededSeq: 10, firstChildMs: 1_010 }),
      ),
  },
  'pin-damaged': {
    in: 'log',
    breakIt: async (db) => {
      const value = Buffer.from((await db.get(pinKey(5)))!);
      value[value.length - 9] = value.readUInt8(value.length - 9) ^ 1;
      await db.put(pinKey(5), value);
    },
    // What the index has of it belongs to no message that can be read.
    also: ['ids-surplus', 'indexation-surplus'],
  },
  'pin-place': {
    in: 'log',
    breakIt: async (db) => {
      const record = decodeRecord(5, (await db.get(pinKey(5)))!)!;
      await db.del(pinKey(5));
      await db.put(pinKey(70), encodeRecord({ ...record, seq: 70 }));
    },
    also: ['pin-lost'],
  },
  'pin-unasked': {
    in: 'log',
    breakIt: (db, records) => db.del(pinnedKey('id', records[4]!.id)),
  },
  'pin-lost': { in: 'log', breakIt: (db) => db.del(pinKey(5)), also: ['pin-count'] },
  'pin-count': { in: 'log', breakIt: (db) => db.del(logStateKey('pins')) },
  'index-stray': { in: 'index', breakIt: (db) => db.put(Buffer.of(9, 9), Buffer.of(1)) },
  'index-position': {
    in: 'index',
    breakIt: (db) => {
      const position = { layout: 1, logId: Buffer.alloc(16, 7), indexedUpToSeq: 50 };
      return db.put(positionKey, encodePosition(position));
    },
  },
  'id-missing': { in: 'index', breakIt: (db, records) => db.del(idKey(records.at(-1)!.id)) },
  'id-wrong': {
    in: 'index',
    breakIt: (db, records) => db.put(idKey(records.at(-1)!.id), encodeNumber(20)),
  },
  'child-missing': { in: 'index', breakIt: (db) => db.del(childKey(49, true, 50)) },
  'indexation-missing': {
    in: 'index',
    breakIt: (db, records) => db.del(indexationKey(records.at(-1)!.indexKey!, 50)),
  },
  'ids-surplus': {
    in: 'index',
    breakIt: (db) => db.put(idKey(aRecord().id), encodeNumber(40)),
  },
  'children-surplus': {
    in: 'index',
    breakIt: (db) => db.put(childKey(20, false, 40), Buffer.alloc(0)),
  },
  'far-surplus': { in: 'index', breakIt: (db) => db.put(farKey(20, 40), Buffer.alloc(0)) },
  'indexation-surplus': {
    in: 'index',
    breakIt: (db, records) =>
      db.put(indexationKey(Buffer.from('other'), 40), encodeId(records[39]!.id)),
  },
  'pending-damaged': {
    in: 'index',
    breakIt: (db) => db.put(pendingKey(aRecord().id), encodePending({ ...aRecord() })),
  },
};

describe('a verification', () => {
  it('finds nothing in a store that is whole, and changes nothing', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    const report = await verify(folder.path);
    expect(report).toEqual({ messageCount: 40, cutSeq: 10, lastSeq: 50, faults: [], notes: [] });
    await using store: Store = await openTestStore(folder.path);
    expect(store).toMatchObject({ messageCount: 40, isNew: false });
  });

  it.each(Object.entries(faults))('finds a planted fault: %s', async (kind, fault) => {
    await using folder = await aFolder();
    const records = await fill(folder.path);
    await withDatabase(join(folder.path, fault.in), (db) => fault.breakIt(db, records));
    const found = kindsOf(await verify(folder.path));
    expect(found.toSorted((a, b) => a.localeCompare(b))).toEqual(
      [kind, ...(fault.also ?? [])].toSorted((a, b) => a.localeCompare(b)),
    );
  });

  it('has a test for each kind of fault', () => {
    const others = ['log-unreadable', 'log-table', 'index-unreadable', 'index-table'];
    others.push('far-child-missing');
    expect(new Set([...Object.keys(faults), ...others])).toEqual(new Set(Object.keys(faultTable)));
  });

  it('finds a far child that the index does not know as one', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      const grower = new Grower();
      const old = grower.next();
      await store.append([old]);
      for (let n = 0; n < 5; n++) await store.append(grower.many(1_000));
      await store.append([grower.next({ parents: [old.id], isLazy: true })]);
    }
    expect(await verify(folder.path)).toMatchObject({ faults: [], notes: [] });
    await withDatabase(join(folder.path, 'index'), async (db) => {
      expect(await db.get(farKey(1, 5_002))).toBeDefined();
      await db.del(farKey(1, 5_002));
    });
    expect(kindsOf(await verify(folder.path))).toEqual(['far-child-missing']);
  });

  it.each(['log', 'index'] as const)('finds a table of the %s that is cut off', async (which) => {
    await using folder = await aFolder();
    await fill(folder.path);
    const location = join(folder.path, which);
    await withDatabase(location, (db) => db.compactRange(Buffer.of(0), Buffer.of(9)));
    const tables = (await readdir(location)).filter((name) => name.endsWith('.ldb'));
    const table = tables.toSorted().at(-1)!;
    await truncate(join(location, table), 1_000);
    const kinds = kindsOf(await verify(folder.path));
    expect(kinds).toContain(`${which}-table`);
    expect(kinds).toContain(`${which}-unreadable`);
  });

  it.each(['log', 'index'] as const)('finds a %s that LevelDB cannot open', async (which) => {
    await using folder = await aFolder();
    await fill(folder.path);
    await writeFile(join(folder.path, which, 'CURRENT'), 'nonsense');
    expect(kindsOf(await verify(folder.path))).toEqual([`${which}-unreadable`]);
  });

  it('finds that the end of the log is lost of which the index knows', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    await withDatabase(join(folder.path, 'log'), (db) => db.del(messageKey(50)));
    const report = await verify(folder.path);
    expect(report.faults).toEqual([{ kind: 'gap', count: 1, examples: ['after number 49'] }]);
  });

  it('only notes an index of another layout, which a start makes again', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    await withDatabase(join(folder.path, 'index'), async (db) => {
      const position = decodePosition((await db.get(positionKey))!);
      await db.put(positionKey, encodePosition({ ...position, layout: indexLayoutVersion - 1 }));
    });
    const report = await verify(folder.path);
    expect(report).toMatchObject({ messageCount: 40, faults: [] });
    expect(report.notes.map(({ kind }) => kind)).toContain('index-layout');
    await (await openTestStore(folder.path))[Symbol.asyncDispose]();
    expect(await verify(folder.path)).toMatchObject({ faults: [], notes: [] });
  });

  it('notes what a start puts right', async () => {
    await using folder = await aFolder();
    const records = await fill(folder.path);
    const older = join(folder.path, 'older');
    await cp(join(folder.path, 'index'), older, { recursive: true });
    {
      await using store = await openTestStore(folder.path);
      await store.append([aRecord({ parents: [records.at(-1)!.id] })]);
    }
    await rm(join(folder.path, 'index'), { recursive: true });
    await cp(older, join(folder.path, 'index'), { recursive: true });
    await withDatabase(join(folder.path, 'log'), (db) =>
      db.put(messageKey(10), encodeRecord({ ...records[9]!, seq: 10 })),
    );
    await withDatabase(join(folder.path, 'index'), async (db) => {
      await db.put(idKey(records[3]!.id), encodeNumber(99));
      await db.put(pendingKey(records[40]!.id), encodePending(records[40]!));
    });
    const { faults: found, notes } = await verify(folder.path);
    expect(found).toEqual([]);
    expect(new Set(notes.map(({ kind }) => kind))).toEqual(
      new Set(['index-behind', 'below-cut', 'index-stale', 'pending-stored']),
    );
  });

  it('notes holes in write-ahead files, and leaves it to the next start to look', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append(new Grower().many(100));
    }
    const [path] = await writeAheadFiles(join(folder.path, 'index'));
    await writeFile(path!, (await readFile(path!)).fill(0, 500, 600));
    const { notes } = await verify(folder.path);
    expect(notes.map(({ kind }) => kind)).toContain('write-ahead-holes');
    expect(existsSync(join(folder.path, 'unchecked'))).toBe(true);
    await (await openTestStore(folder.path))[Symbol.asyncDispose]();
    expect((await verify(folder.path)).faults).toEqual([]);
  });

  it('goes on without an index, and says what it could not look at', async () => {
    await using folder = await aFolder();
    await fill(folder.path);
    await rm(join(folder.path, 'index'), { recursive: true });
    const report = await verify(folder.path);
    expect(report).toMatchObject({ messageCount: 40 });
    expect(kindsOf(report)).toEqual(['index-unreadable']);
  });

  it('is refused while the store is open', async () => {
    await using folder = await aFolder();
    await using _ = await openTestStore(folder.path);
    await expect(verify(folder.path)).rejects.toThrow(`in use by process ${process.pid}`);
  });

  it('looks up parents that are older than what it remembers', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    {
      await using store = await openTestStore(folder.path, { durability: 'process-crash' });
      const first = grower.next();
      await store.append([first]);
      for (let append = 0; append < 110; append++) {
        const children = Array.from({ length: 1_000 }, () =>
          aRecord({ parents: [append === 109 ? first.id : genesisId] }),
        );
        await store.append(children);
      }
    }
    expect(await verify(folder.path)).toMatchObject({ messageCount: 110_001, faults: [] });
  });
});
