import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageKey } from '../../src/storage/layout.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, aRecord, openTestStore, withDatabase } from './support.ts';

describe('append', () => {
  it('numbers messages from 1 on and never sets the time back', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      expect(store.lastSeq).toBe(0);
      const times = [500, 400, 600].map((arrivalMs) => aRecord({ arrivalMs }));
      expect(await store.append(times)).toEqual([1, 2, 3]);
    }
    await using store = await openTestStore(folder.path);
    expect(await store.append([aRecord({ arrivalMs: 1 })])).toEqual([4]);
    const page = await store.readLog({ fromSeq: 1, limit: 10, maxBytes: 1e6 });
    expect(page.map(({ arrivalMs }) => arrivalMs)).toEqual([500, 500, 600, 600]);
    expect([store.lastSeq, store.messageCount, store.cutSeq]).toEqual([4, 4, 0]);
  });

  it('raises what entry points are needed for', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      const first = aRecord();
      await store.append([first, aRecord(), aRecord({ parents: [first.id] })]);
      expect(await store.readEntryPoints({ limit: 9 })).toMatchObject([{ neededSeq: 2 }]);
    }
    await using store = await openTestStore(folder.path);
    expect(await store.readEntryPoints({ limit: 9 })).toMatchObject([{ neededSeq: 2 }]);
  });

  it('never makes LevelDB write a message again that lies in a table', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path, { durability: 'process-crash' });
    const parent = aRecord();
    await store.append([parent]);
    // Five tables' worth: with four that overlap it would begin.
    for (let batch = 0; batch < 24; batch++) {
      const records = Array.from({ length: 80 }, () =>
        aRecord({ parents: [parent.id], dataBytes: 30_000 }),
      );
      await store.append(records);
    }
    const events = await readFile(join(folder.path, 'log', 'LOG'), 'utf8');
    expect(events.match(/Level-0 table #\d+: \d+ bytes OK/g)?.length).toBeGreaterThan(4);
    expect(events).not.toMatch(/Compacted .* files/);
  });

  it('of nothing does nothing', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    expect(await store.append([])).toEqual([]);
    expect(store.lastSeq).toBe(0);
  });
});

describe('readLog', () => {
  it('stops at the limit and at the bytes, but gives at least one', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const records = new Grower().many(300, { dataBytes: 1_000 });
    await store.append(records);
    const sizeBytes = records[5]!.bytes.length;
    const seqs = async (fromSeq: number, limit: number, maxBytes: number) =>
      (await store.readLog({ fromSeq, limit, maxBytes })).map(({ seq }) => seq);
    expect(await seqs(5, 3, 1e9)).toEqual([5, 6, 7]);
    expect(await seqs(5, 100, 2 * sizeBytes)).toEqual([5, 6]);
    expect(await seqs(5, 100, 1)).toEqual([5]);
    expect(await seqs(0, 1_000, 1e9)).toHaveLength(300);
    expect(await seqs(301, 10, 1e9)).toEqual([]);
    expect(await seqs(1, 0, 1e9)).toEqual([]);
  });
});

describe('readLogBackwards', () => {
  it('begins below the given seq and ends at the beginning of the log', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append(new Grower().many(200));
    const seqs = async (beforeSeq: number, limit: number) =>
      (await store.readLogBackwards({ beforeSeq, limit })).map(({ seq }) => seq);
    expect(await seqs(Number.MAX_SAFE_INTEGER, 3)).toEqual([200, 199, 198]);
    expect(await seqs(Infinity, 1)).toEqual([200]);
    expect(await seqs(4, 10)).toEqual([3, 2, 1]);
    expect(await seqs(1, 10)).toEqual([]);
    expect(await seqs(201, 150)).toHaveLength(150);
  });
});

describe('a damaged record', () => {
  it('is refused by itself, passed over in lists, and can be stored anew', async () => {
    await using folder = await aFolder();
    const grower = new Grower();
    const records = grower.many(10);
    {
      await using store = await openTestStore(folder.path);
      await store.append(records);
    }
    await withDatabase(join(folder.path, 'log'), async (db) => {
      const head = Buffer.from((await db.get(messageKey(4)))!);
      head[9] = head.readUInt8(9) ^ 1;
      await db.put(messageKey(4), head);
      const body = Buffer.from((await db.get(messageKey(6)))!);
      body[body.length - 9] = body.readUInt8(body.length - 9) ^ 1;
      await db.put(messageKey(6), body);
    });
    await using store = await openTestStore(folder.path);
    const [head, body] = [records[3]!, records[5]!];
    const damaged = expect.objectContaining({ code: 'STORE_RECORD_DAMAGED' }) as Error;
    expect(() => store.get(head.id)).toThrow(damaged);
    expect(() => store.get(body.id)).toThrow(damaged);
    expect(await store.facts([head.id])).toEqual([undefined]);
    const seqs = (await store.readLog({ fromSeq: 1, limit: 4, maxBytes: 1e6 })).map(
      ({ seq }) => seq,
    );
    expect(seqs).toEqual([1, 2, 3, 5]);
    const newest = await store.readLogBackwards({ beforeSeq: 6, limit: 2 });
    expect(newest.map(({ seq }) => seq)).toEqual([5, 3]);
    expect(await store.append([head])).toEqual([11]);
    expect(store.get(head.id)).toMatchObject({ seq: 11 });
  });

  it('does not hold the clock with a time that is wrong', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append(new Grower().many(3));
    }
    await withDatabase(join(folder.path, 'log'), async (db) => {
      const value = Buffer.from((await db.get(messageKey(3)))!);
      value[6] = 0xff;
      await db.put(messageKey(3), value);
    });
    await using store = await openTestStore(folder.path);
    const [seq] = await store.append([aRecord({ arrivalMs: 5_000 })]);
    const [newest] = await store.readLogBackwards({ beforeSeq: Infinity, limit: 1 });
    expect(newest).toMatchObject({ seq, arrivalMs: 5_000 });
  });
});
