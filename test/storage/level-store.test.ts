// Failing writes, reopening and closing. The faults are LevelDB's own, put between the store and the database.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import { reopenNeedBytes } from '../../src/storage/database.ts';
import type { NewRecord, Store } from '../../src/storage/store.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';
import {
  FaultyDatabases,
  Grower,
  aRecord,
  expectConsistent,
  ioError,
  noSpace,
  openTestStore,
  withDatabase,
} from './support.ts';
import type { Fault } from './support.ts';

const hexes = (records: readonly { readonly id: Uint8Array }[]) =>
  records.map(({ id }) => messageIdHex(id));
const searched = async (store: Store, index: string) =>
  (await store.findByIndex(Buffer.from(index), { limit: 10 })).messages;
const errorWith = (code: string) => expect.objectContaining({ code }) as Error;

/** A store whose writes fail on demand, and what it says about its reopening. */
class Patient implements AsyncDisposable {
  readonly faults = new FaultyDatabases();
  readonly fatal = Promise.withResolvers<unknown>();
  #reopened = Promise.withResolvers<void>();
  store!: Store;

  static async open(dataDir: string, freeBytes?: () => Promise<number>): Promise<Patient> {
    const patient = new Patient();
    patient.store = await openTestStore(dataDir, {
      openDatabase: patient.faults.open,
      freeBytes,
      onReopened: () => patient.#reopened.resolve(),
      onFatal: patient.fatal.resolve,
    });
    return patient;
  }

  async reopened(): Promise<void> {
    await this.#reopened.promise;
    this.#reopened = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}

describe('an append', () => {
  it.each([
    { durability: 'power-loss' as const, written: ['log, fsynced', 'index'] },
    { durability: 'process-crash' as const, written: ['log', 'index'] },
  ])('goes to the log, then to the index ($durability)', async ({ durability, written }) => {
    await using folder = await aFolder();
    const databases = new FaultyDatabases();
    const openDatabase = databases.open;
    await using store = await openTestStore(folder.path, { durability, openDatabase });
    databases.written.length = 0;
    await store.append(new Grower().many(20));
    await store.facts([]);
    expect(databases.written).toEqual(written);
  });

  it('is acknowledged once it is in the log, and found from then on', async () => {
    await using folder = await aFolder();
    const databases = new FaultyDatabases();
    await using store = await openTestStore(folder.path, { openDatabase: databases.open });
    const parent = aRecord();
    const child = aRecord({ parents: [parent.id], index: 'both' });
    await store.append([parent]);
    await store.facts([]);
    databases.written.length = 0;
    const done: string[] = [];
    const note = (what: string) => () => done.push(what);
    const late: Promise<unknown>[] = [];
    {
      using _held = databases.holdNext('index');
      await store.append([child]);
      expect(databases.written).toEqual(['log, fsynced']);
      expect(store.get(child.id)?.seq).toBe(2);
      expect(store.get(parent.id)?.seq).toBe(1);
      expect(store.has(aRecord().id)).toBe(false);
      late.push(store.childrenOf(parent.id, 1).then(note('children')));
      late.push(store.append([aRecord({ parents: [child.id] })]).then(note('append')));
      await setImmediate();
      expect(done).toEqual([]);
    }
    expect(hexes(await searched(store, 'both'))).toEqual(hexes([child]));
    expect((await store.childrenOf(parent.id, 1)).map(messageIdHex)).toEqual(hexes([child]));
    expect(store.get(child.id)?.seq).toBe(2);
    await Promise.all(late);
    expect(done.toSorted()).toEqual(['append', 'children']);
  });

  it('is there after a closing that came before the index was told', async () => {
    await using folder = await aFolder();
    const databases = new FaultyDatabases();
    const store = await openTestStore(folder.path, { openDatabase: databases.open });
    const held = databases.holdNext('index');
    const record = aRecord({ index: 'late' });
    await store.append([record]);
    const asked = searched(store, 'late');
    const closed = store[Symbol.asyncDispose]();
    held[Symbol.dispose]();
    // What was asked before the closing is answered.
    expect(hexes(await asked)).toEqual(hexes([record]));
    await closed;
    await using again = await openTestStore(folder.path);
    expect(hexes(await expectConsistent(again))).toEqual(hexes([record]));
  });
});

describe('a failed write', () => {
  const faults: readonly Fault[] = (['log', 'index'] as const).flatMap((which) =>
    (['torn', 'unsynced'] as const).map((kind) => ({ which, kind, message: ioError })),
  );

  for (const fault of faults) {
    it(`(${fault.kind}, ${fault.which}) is followed by no other before the store is reopened`, async () => {
      await using folder = await aFolder();
      const grower = new Grower();
      const acknowledged: NewRecord[] = [];
      const refused: NewRecord[] = [];
      const append = async (store: Store, records: NewRecord[]) => {
        const code = await store.append(records).then(
          () => 'ok',
          (error: TangleError) => error.code,
        );
        expect(['ok', 'STORE_UNAVAILABLE']).toContain(code);
        (code === 'ok' ? acknowledged : refused).push(...records);
      };
      {
        await using patient = await Patient.open(folder.path);
        const { store, faults: databases } = patient;
        await append(store, grower.many(5));
        databases.failNext(fault);
        const alone = () => [aRecord({ parents: [acknowledged[0]!.id] })];
        await Promise.all([
          append(store, grower.many(5)),
          append(store, alone()),
          append(store, alone()),
        ]);
        // What the index could not be told is safe in the log.
        expect(refused).toHaveLength(fault.which === 'log' ? 7 : 2);
        expect(store.state()).toEqual({ writable: false, code: 'STORE_UNAVAILABLE' });
        await expect(store.addPending([aRecord()])).rejects.toThrow(errorWith('STORE_UNAVAILABLE'));
        await expect(store.removePending([])).rejects.toThrow(TangleError);
        // What is open is still read.
        expect(store.get(acknowledged[0]!.id)).toBeDefined();
        expect(await store.readLog({ fromSeq: 1, limit: 5, maxBytes: 1e6 })).toHaveLength(5);

        await patient.reopened();
        expect(store.state()).toEqual({ writable: true });
        if (fault.which === 'log') await append(store, refused.splice(0, 5));
        await append(store, grower.many(5));
        expect(refused).toHaveLength(2);
        expect(databases.forgottenCount).toBe(0);
        expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
      }
      await using store = await openTestStore(folder.path);
      expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records));
      for (const { id } of acknowledged) expect(store.has(id)).toBe(true);
    });
  }

  it('of the index while the store is being closed loses nothing', async () => {
    await using folder = await aFolder();
    const { store, faults: databases } = await Patient.open(folder.path);
    const grower = new Grower();
    const held = databases.holdNext('index');
    databases.failNext({ which: 'index', kind: 'torn', message: ioError });
    await store.append(grower.many(5));
    const closed = store[Symbol.asyncDispose]();
    held[Symbol.dispose]();
    await closed;
    expect(databases.forgottenCount).toBe(0);
    await using again = await openTestStore(folder.path);
    expect(hexes(await expectConsistent(again))).toEqual(hexes(grower.records));
  });

  it('of the index ends a cut that waits for it, and the next one goes on', async () => {
    await using folder = await aFolder();
    await using patient = await Patient.open(folder.path);
    const { store, faults: databases } = patient;
    const grower = new Grower();
    await store.append(grower.many(20));
    await store.facts([]);
    const held = databases.holdNext('index');
    databases.failNext({ which: 'index', kind: 'torn', message: ioError });
    await store.append(grower.many(5));
    const cut = store.cut({ upToSeq: 10 });
    held[Symbol.dispose]();
    await expect(cut).rejects.toThrow(errorWith('STORE_UNAVAILABLE'));
    expect(store.cutSeq).toBe(0);
    await patient.reopened();
    await store.cut({ upToSeq: 10 });
    expect(databases.forgottenCount).toBe(0);
    expect(hexes(await expectConsistent(store))).toEqual(hexes(grower.records.slice(10)));
  });

  it('of the index for damaged files is told as such, and the index is made up', async () => {
    await using folder = await aFolder();
    await using patient = await Patient.open(folder.path);
    const { store, faults: databases } = patient;
    const message = 'LEVEL_CORRUPTION: corrupted compressed block contents';
    databases.failNext({ which: 'index', kind: 'unsynced', message });
    const record = aRecord();
    await store.append([record]);
    await patient.reopened();
    expect(store.state().writable).toBe(true);
    expect(store.state().damage).toContain('are damaged');
    expect(hexes(await expectConsistent(store))).toEqual(hexes([record]));
  });

  it('that reached the disk after all gives the same number when it is tried again', async () => {
    await using folder = await aFolder();
    await using patient = await Patient.open(folder.path);
    const { store, faults: databases } = patient;
    const [a, b] = [aRecord(), aRecord()];
    databases.failNext({ which: 'log', kind: 'unsynced', message: ioError });
    await expect(store.append([a])).rejects.toThrow(errorWith('STORE_UNAVAILABLE'));
    expect(store.has(a.id)).toBe(false);
    await patient.reopened();
    expect(store.has(a.id)).toBe(true);
    expect(await store.append([a, b])).toEqual([1, 2]);
    expect(store.messageCount).toBe(2);
  });

  it('of pending messages counts as well', async () => {
    await using folder = await aFolder();
    await using patient = await Patient.open(folder.path);
    patient.faults.failNext({ which: 'index', kind: 'torn', message: ioError });
    await expect(patient.store.addPending([aRecord()])).rejects.toThrow(
      errorWith('STORE_UNAVAILABLE'),
    );
    await expect(patient.store.append([aRecord()])).rejects.toThrow(errorWith('STORE_UNAVAILABLE'));
    await patient.reopened();
    expect(await patient.store.append([aRecord()])).toEqual([1]);
  });

  it('that is our own bug stops nothing', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const stranger = aRecord({ parents: [aRecord().id] });
    await expect(store.append([stranger])).rejects.toThrow('the parents of an appended message');
    const twice = aRecord();
    await expect(store.append([twice, twice])).rejects.toThrow('each message once');
    expect(store.state().writable).toBe(true);
    expect(await store.append([twice])).toEqual([1]);
  });

  it('would lose what is written behind it: LevelDB acknowledges and forgets', async () => {
    await using folder = await aFolder();
    const databases = new FaultyDatabases();
    const db = await databases.open(join(folder.path, 'log'), {
      cacheBytes: 1 << 20,
      writeBufferBytes: 1 << 20,
    });
    databases.failNext({ which: 'log', kind: 'torn', message: ioError });
    const put = (text: string) => db.batch().put(Buffer.from(text), Buffer.from(text)).write();
    await expect(put('torn')).rejects.toThrow(ioError);
    await put('behind');
    expect(databases.forgottenCount).toBe(1);
    await db.close();
  });
});

describe('a full disk', () => {
  it('is waited for until there is room', async () => {
    await using folder = await aFolder();
    const free = [0, reopenNeedBytes - 1, reopenNeedBytes];
    await using patient = await Patient.open(folder.path, () => Promise.resolve(free.shift() ?? 0));
    const { store, faults: databases } = patient;
    databases.failNext({ which: 'log', kind: 'torn', message: noSpace });
    await expect(store.append([aRecord()])).rejects.toThrow(errorWith('DISK_FULL'));
    expect(store.state()).toEqual({ writable: false, code: 'DISK_FULL' });
    await expect(store.append([aRecord()])).rejects.toThrow(errorWith('DISK_FULL'));
    expect(databases.openCount).toBe(2);
    await patient.reopened();
    expect(free).toEqual([]);
    expect(databases.openCount).toBe(4);
    expect(await store.append([aRecord()])).toEqual([1]);
  });

  it('that fills up again during the reopening is waited for again, and reads say so meanwhile', async () => {
    await using folder = await aFolder();
    const readings: (() => void)[] = [];
    const free = async () => {
      for (const read of readings) read();
      return reopenNeedBytes;
    };
    await using patient = await Patient.open(folder.path, free);
    const { store, faults: databases } = patient;
    const record = aRecord();
    await store.append([record]);
    databases.failOpenings(new Error(noSpace));
    databases.failNext({ which: 'index', kind: 'unsynced', message: noSpace });
    const safe = aRecord();
    await store.append([safe]);
    await expect(store.append([aRecord()])).rejects.toThrow(errorWith('DISK_FULL'));
    const answers: unknown[] = [];
    readings.push(() => {
      try {
        answers.push(store.has(record.id));
      } catch (error) {
        answers.push(error);
      }
    });
    await patient.reopened();
    expect(answers).toEqual([true, errorWith('STORE_UNAVAILABLE')]);
    expect(hexes(await expectConsistent(store))).toEqual(hexes([record, safe]));
  });
});

describe('a reopening that fails', () => {
  it('for another reason than space is fatal', async () => {
    await using folder = await aFolder();
    await using patient = await Patient.open(folder.path);
    patient.faults.failOpenings(new Error('IO error: Input/output error'));
    patient.faults.failNext({ which: 'log', kind: 'torn', message: ioError });
    await expect(patient.store.append([aRecord()])).rejects.toThrow(TangleError);
    expect(await patient.fatal.promise).toMatchObject({ code: 'STORE_OPEN_FAILED' });
    expect(patient.store.state().writable).toBe(false);
    await expect(patient.store.facts([])).rejects.toThrow(errorWith('STORE_UNAVAILABLE'));
  });
});

describe('closing', () => {
  it('waits for what was asked before and refuses what comes after', async () => {
    await using folder = await aFolder();
    const store = await openTestStore(folder.path);
    const grower = new Grower();
    const appends = [store.append(grower.many(50)), store.append(grower.many(50))];
    const reads = store.readLog({ fromSeq: 1, limit: 1, maxBytes: 1 });
    const closed = store[Symbol.asyncDispose]();
    await expect(store.append([aRecord()])).rejects.toThrow(errorWith('STORE_UNAVAILABLE'));
    expect((await Promise.all(appends)).flat()).toHaveLength(100);
    await reads;
    await closed;
    expect(() => store.get(grower.records[0]!.id)).toThrow(errorWith('STORE_UNAVAILABLE'));
    await store[Symbol.asyncDispose]();
    await using again = await openTestStore(folder.path);
    expect(hexes(await expectConsistent(again))).toEqual(hexes(grower.records));
  });

  it('ends the waiting for room on the disk', async () => {
    await using folder = await aFolder();
    {
      await using patient = await Patient.open(folder.path, () => Promise.resolve(0));
      patient.faults.failNext({ which: 'log', kind: 'torn', message: noSpace });
      await expect(patient.store.append([aRecord()])).rejects.toThrow(errorWith('DISK_FULL'));
    }
    await using store = await openTestStore(folder.path);
    expect(await store.append([aRecord()])).toEqual([1]);
  });
});

describe('pending messages', () => {
  it('come back one by one and in pages, and leave when they are stored or removed', async () => {
    await using folder = await aFolder();
    const records = Array.from({ length: 25 }, (_, position) => aRecord({ arrivalMs: position }));
    {
      await using store = await openTestStore(folder.path);
      await store.addPending(records);
      await store.append(records.slice(0, 5));
      await store.removePending(records.slice(5, 10).map(({ id }) => id));
    }
    await using store = await openTestStore(folder.path);
    for (const { id } of records.slice(0, 10)) expect(await store.getPending(id)).toBeUndefined();
    for (const { id, bytes, arrivalMs } of records.slice(10)) {
      const pending = await store.getPending(id);
      expect(pending).toMatchObject({ id, arrivalMs });
      expect(Buffer.compare(pending!.bytes, bytes)).toBe(0);
    }
    const first = await store.readPending({ limit: 10 });
    const rest = await store.readPending({ limit: 10, afterId: first.at(-1)!.id });
    expect(hexes([...first, ...rest])).toEqual(hexes(records.slice(10)).toSorted());
  });
});

// ---- on a real filesystem that is really full ----

describe.skipIf(!(await canMount()))(
  'a small filesystem (needs the right to mount a tmpfs)',
  () => {
    it('shows why the reopening is needed: LevelDB alone loses what it acknowledged', async () => {
      await using folder = await aFolder();
      using mounted = mountTmpfs(folder.path, 2);
      expect(mounted).toBeDefined();
      const location = join(folder.path, 'log');
      const acknowledged: string[] = [];
      await withDatabase(location, async (db) => {
        const ballast = join(folder.path, 'ballast');
        await writeFile(ballast, Buffer.alloc(1 << 20));
        const put = async (name: string) => {
          await db.batch().put(Buffer.from(name), Buffer.alloc(60_000, name)).write({ sync: true });
          acknowledged.push(name);
        };
        const fillUp = async () => {
          for (let count = 0; ; count++) await put(`before ${count}`);
        };
        await expect(fillUp()).rejects.toThrow('No space left');
        await rm(ballast);
        for (let count = 0; count < 5; count++) await put(`after ${count}`);
      });
      const found = await withDatabase(location, (db) =>
        db.hasMany(acknowledged.map((name) => Buffer.from(name))),
      );
      expect(found).toContain(false);
    });

    it('runs full, is freed, and nothing acknowledged is lost', async () => {
      await using folder = await aFolder();
      using mounted = mountTmpfs(folder.path, 64);
      expect(mounted).toBeDefined();
      const dataDir = join(folder.path, 'data');
      await mkdir(dataDir);
      const ballast = join(folder.path, 'ballast');
      await writeFile(ballast, Buffer.alloc(50 << 20));
      const acknowledged: NewRecord[] = [];
      const appendUntil = async (store: Store, isEnough: () => boolean) => {
        while (!isEnough()) {
          const parents = acknowledged.slice(-2).map(({ id }) => id);
          const wish = { dataBytes: 30_000, ...(parents.length > 0 && { parents }) };
          const records = Array.from({ length: 10 }, () => aRecord(wish));
          await store.append(records);
          acknowledged.push(...records);
        }
      };
      {
        const reopened = Promise.withResolvers<void>();
        const onReopened = () => reopened.resolve();
        await using store = await openTestStore(dataDir, { onReopened });
        await expect(appendUntil(store, () => false)).rejects.toThrow(errorWith('DISK_FULL'));
        expect(acknowledged.length).toBeGreaterThan(100);
        await expect(appendUntil(store, () => false)).rejects.toThrow(errorWith('DISK_FULL'));
        for (const { id } of acknowledged) expect(store.has(id)).toBe(true);
        await rm(ballast);
        await reopened.promise;
        const count = acknowledged.length;
        await appendUntil(store, () => acknowledged.length >= count + 100);
      }
      await using store = await openTestStore(dataDir);
      for (const { id, bytes } of acknowledged) {
        expect(Buffer.compare(store.get(id)!.bytes, bytes)).toBe(0);
      }
      expect(await store.facts(acknowledged.map(({ id }) => id))).not.toContain(undefined);
    });
  },
);
