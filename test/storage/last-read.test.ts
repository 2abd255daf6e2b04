import { describe, expect, it } from 'vitest';
import { genesisId } from '../../src/protocol/ids.ts';
import { LastRead } from '../../src/storage/last-read.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { OpenDatabase } from '../../src/storage/database.ts';
import type { StoredMessage } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, openTestStore } from './support.ts';

const recordOf = (seq: number): StoredMessage => ({
  seq,
  arrivalMs: seq,
  isLazy: false,
  id: genesisId,
  bytes: new Uint8Array(500),
});

describe('messages that were read last', () => {
  it('are kept up to so many bytes, those that are read again longest', () => {
    const lastRead = new LastRead(100_000);
    for (let seq = 1; seq <= 1_000; seq++) {
      lastRead.keep(`id ${seq}`, recordOf(seq));
      expect(lastRead.get('id 1')?.seq).toBe(1);
    }
    const kept = Array.from({ length: 1_000 }, (_, seq) => lastRead.get(`id ${seq + 1}`));
    const count = kept.filter((record) => record !== undefined).length;
    expect(count).toBeGreaterThanOrEqual(50);
    expect(count).toBeLessThanOrEqual(100);
  });

  it('are not kept where there is no room for any', () => {
    const lastRead = new LastRead(0);
    lastRead.keep('id', recordOf(1));
    lastRead.keep('another', recordOf(2));
    expect(lastRead.get('id')).toBeUndefined();
  });

  it('are found without the databases, until they are cut off', async () => {
    let readCount = 0;
    const counting: OpenDatabase = async (location, sizes) => {
      const db = await openDatabase(location, sizes);
      const getSync = db.getSync.bind(db);
      db.getSync = (key: Buffer) => {
        readCount += 1;
        return getSync(key);
      };
      return db;
    };
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path, { openDatabase: counting });
    const records = new Grower().many(20);
    await store.append(records);
    const [first, last] = [records[0]!, records[19]!];
    const read = [first, last].map(({ id }) => store.get(id));
    expect(read.map((record) => Buffer.from(record!.bytes))).toEqual(
      [first, last].map(({ bytes }) => Buffer.from(bytes)),
    );
    const countBefore = readCount;
    expect([first, last].map(({ id }) => store.get(id))).toEqual(read);
    expect(readCount).toBe(countBefore);
    await store.cut({ upToSeq: 10 });
    expect([first, last].map(({ id }) => store.get(id))).toEqual([undefined, read[1]]);
  });
});
