// Two messages whose ids begin with the same 16 bytes, which is all that the index has of an id. Nobody can find such
// ids, so one of each pair is made up here: it is not the hash of the message.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { asMessageId, genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { Findings } from '../../src/storage/findings.ts';
import { encodeNumber, idKey, messageKey } from '../../src/storage/layout.ts';
import { encodeRecord } from '../../src/storage/record-layout.ts';
import { restoreStore } from '../../src/storage/restore.ts';
import type { NewRecord, Store, StoredMessage } from '../../src/storage/store.ts';
import { EntryCheck } from '../../src/storage/verify-entries.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, aRecord, cutUpTo, network, openTestStore } from './support.ts';

const idLike = (id: MessageId): MessageId =>
  asMessageId(Buffer.concat([id.subarray(0, 16), randomBytes(16)]));
const hexes = (ids: readonly MessageId[]): string[] => ids.map(messageIdHex);
const seqsOf = async (store: Store, ...records: readonly NewRecord[]) =>
  (await store.facts(records.map(({ id }) => id))).map((facts) => facts?.seq);

describe('of two messages whose ids begin alike', () => {
  it('the newer one is found by its id, and the older one as parent and by its key', async () => {
    await using folder = await aFolder();
    const newer = aRecord({ index: 'newer' });
    const older = { ...aRecord({ index: 'older' }), id: idLike(newer.id) };
    const child = aRecord({ parents: [older.id] });
    {
      await using store = await openTestStore(folder.path);
      await store.append([older]);
      await store.append([child]);
      await store.append([newer]);
    }
    // What is in memory knows both.
    await using store = await openTestStore(folder.path);
    expect(await seqsOf(store, older, child, newer)).toEqual([undefined, 2, 3]);
    expect([store.has(older.id), store.get(older.id)]).toEqual([false, undefined]);
    expect(store.get(newer.id)).toMatchObject({ seq: 3 });
    expect(await store.childrenOf(older.id, 10)).toEqual([]);
    expect(await store.childrenOf(newer.id, 10)).toEqual([]);
    expect(hexes(await store.childrenOf(genesisId, 10))).toEqual(hexes([older.id, newer.id]));
    const { messages } = await store.findByIndex(Buffer.from('older'), { limit: 10 });
    expect(messages.map(({ seq }) => seq)).toEqual([1]);
    // It comes again, as somebody needs it.
    expect(await store.append([older])).toEqual([4]);
    expect(await seqsOf(store, older)).toEqual([4]);
  });

  it('the newer one stays found after starts that compare log and index', async () => {
    await using folder = await aFolder();
    const newer = aRecord();
    const older = { ...aRecord(), id: idLike(newer.id) };
    for (const records of [[older], [newer], new Grower().many(10)]) {
      await using store = await openTestStore(folder.path);
      await store.append(records);
    }
    await using store = await openTestStore(folder.path, { reindex: true });
    expect(await seqsOf(store, older, newer)).toEqual([undefined, 2]);
  });

  it('the newer one stays found when the older one was kept for a pin and is unpinned', async () => {
    await using folder = await aFolder();
    const older = aRecord();
    const others = new Grower().many(10);
    const newer = { ...aRecord({ parents: [others[9]!.id] }), id: idLike(older.id) };
    {
      await using store = await openTestStore(folder.path);
      await store.append([older, ...others]);
      await store.pin({ id: older.id }, Infinity);
      await cutUpTo(store, 8);
      expect(store.get(older.id)).toMatchObject({ seq: 1 });
      await store.append([newer]);
    }
    await using store = await openTestStore(folder.path);
    await store.unpin({ id: older.id });
    expect(await seqsOf(store, newer)).toEqual([12]);
    expect(store.pinTotals.keptCount).toBe(0);
  });

  it('both are restored from a backup', async () => {
    await using folder = await aFolder();
    const newer = aRecord();
    const older = { ...aRecord(), id: idLike(newer.id) };
    const options = { dataDir: folder.path, durability: 'process-crash', network } as const;
    const isLazy = false;
    async function* records(): AsyncGenerator<StoredMessage[]> {
      yield [{ ...older, seq: 1, isLazy }];
      yield [{ ...newer, seq: 2, isLazy }];
    }
    const genesis = { id: genesisId, neededSeq: 0, isLazy: false, isHeld: false };
    const entryPoints = [{ ...genesis, firstChildMs: undefined }];
    const source = { cutSeq: 0, lastSeq: 2, entryPoints, records: records() };
    const sized = { ...options, cacheBytes: 4 << 20 };
    expect(await restoreStore(sized, source, { log: silentLogger })).toEqual({ messageCount: 2 });
    await using store = await openTestStore(folder.path);
    expect(await seqsOf(store, older, newer)).toEqual([undefined, 2]);
  });

  it('a verification notes that the older one is hidden, and counts on the newer one alone', async () => {
    await using folder = await aFolder();
    const newer = aRecord();
    const alike = { ...aRecord(), id: idLike(newer.id) };
    await using databases = new AsyncDisposableStack();
    const sizes = { cacheBytes: 1 << 20, writeBufferBytes: 1 << 20 };
    const open = async (name: string) =>
      databases.use(await openDatabase(join(folder.path, name), sizes));
    const [logDb, indexDb, findings] = [await open('log'), await open('index'), new Findings()];
    const items = [alike, newer].map((record, position) => ({
      record: { ...record, seq: position + 1, isLazy: false },
      message: decodeMessage(record.bytes),
    }));
    for (const { record } of items) {
      await logDb.put(messageKey(record.seq), encodeRecord(record));
      await indexDb.put(idKey(record.id), encodeNumber(record.seq));
    }
    const kept = { messageCount: 0, sizeBytes: 0 };
    const pins = { ids: new Map(), indexKeys: new Set<string>(), kept, strangeKeys: [] };
    const state = { logDb, indexDb, findings, network, cutSeq: 0, indexedUpToSeq: 2 };
    const check = new EntryCheck({ ...state, epochs: [], entryPoints: new Map(), pins });
    await check.verify(items, new Map());
    expect(findings.notes.list()).toEqual([
      { kind: 'id-hidden', count: 1, examples: ['number 1'] },
    ]);
    expect(findings.faults.has('id-wrong', 'id-missing')).toBe(false);
    expect(check.expected.ids).toBe(1);
  });
});
