import { describe, expect, it } from 'vitest';
import { asMessageId, genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import { encodeNumber, idKey, messageKey } from '../../src/storage/layout.ts';
import { join } from 'node:path';
import { aFolder } from '../support/folder.ts';
import { Grower, aRecord, openTestStore, withDatabase } from './support.ts';

const unknownId = asMessageId(new Uint8Array(32).fill(7));
const hexes = (found: readonly { readonly id: Uint8Array }[]) =>
  found.map(({ id }) => messageIdHex(id));

describe('get and has', () => {
  it('find what was appended, with bytes that stay valid', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const [a, b] = [aRecord(), aRecord({ isLazy: true, arrivalMs: 2_000 })];
    expect(await store.append([a, b])).toEqual([1, 2]);
    const got = store.get(b.id);
    await store.append(new Grower().many(50));
    expect(got).toMatchObject({ seq: 2, isLazy: true, arrivalMs: 2_000 });
    expect(Buffer.compare(got!.bytes, b.bytes)).toBe(0);
    expect(store.has(a.id)).toBe(true);
    expect(store.get(unknownId)).toBeUndefined();
    expect(store.has(genesisId)).toBe(false);
  });
});

describe('an index entry', () => {
  it('is believed only where the log record carries that id', async () => {
    await using folder = await aFolder();
    const [stored, stranger] = [aRecord(), aRecord()];
    {
      await using store = await openTestStore(folder.path);
      await store.append([stored]);
    }
    await withDatabase(join(folder.path, 'index'), (db) =>
      db.put(idKey(stranger.id), encodeNumber(1)),
    );
    await using store = await openTestStore(folder.path);
    expect(store.get(stranger.id)).toBeUndefined();
    expect(await store.facts([stranger.id])).toEqual([undefined]);
    expect(await store.childrenOf(stranger.id, 10)).toEqual([]);
  });
});

describe('facts', () => {
  it('tell of the genesis, of messages and of nothing else', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    expect(await store.facts([genesisId, unknownId])).toEqual([
      {
        seq: 0,
        arrivalMs: 0,
        isLazy: false,
        firstChildMs: undefined,
        isEntryPoint: true,
        isClosed: false,
      },
      undefined,
    ]);
    const a = aRecord({ arrivalMs: 500 });
    const b = aRecord({ arrivalMs: 600, parents: [a.id] });
    await store.append([a, b]);
    expect(await store.facts([b.id, genesisId, a.id])).toEqual([
      {
        seq: 2,
        arrivalMs: 600,
        isLazy: false,
        firstChildMs: undefined,
        isEntryPoint: false,
        isClosed: false,
      },
      {
        seq: 0,
        arrivalMs: 0,
        isLazy: false,
        firstChildMs: 500,
        isEntryPoint: true,
        isClosed: false,
      },
      {
        seq: 1,
        arrivalMs: 500,
        isLazy: false,
        firstChildMs: 600,
        isEntryPoint: false,
        isClosed: false,
      },
    ]);
  });

  it('count as first child the first one that is not lazy, from memory as from disk', async () => {
    await using folder = await aFolder();
    const parent = aRecord({ arrivalMs: 100 });
    const children = [200, 300, 400].map((arrivalMs, position) =>
      aRecord({ parents: [parent.id], arrivalMs, isLazy: position === 0 }),
    );
    {
      await using store = await openTestStore(folder.path);
      await store.append([parent]);
      for (const [position, expected] of [undefined, 300, 300].entries()) {
        await store.append([children[position]!]);
        expect((await store.facts([parent.id]))[0]?.firstChildMs).toBe(expected);
      }
    }
    await using store = await openTestStore(folder.path);
    expect((await store.facts([parent.id]))[0]?.firstChildMs).toBe(300);
    expect(await store.childrenOf(parent.id, 10)).toEqual(
      [children[1], children[2], children[0]].map((child) => Buffer.from(child!.id)),
    );
  });

  it('are never older than an append that resolved, whatever was read meanwhile', async () => {
    await using folder = await aFolder();
    const parents = new Grower().many(60);
    {
      await using store = await openTestStore(folder.path);
      await store.append(parents);
    }
    await using store = await openTestStore(folder.path);
    for (const parent of parents) {
      const child = aRecord({ parents: [parent.id], arrivalMs: 9_000 });
      const [before] = await Promise.all([store.facts([parent.id]), store.append([child])]);
      const expected = before[0]?.firstChildMs ?? 9_000;
      expect((await store.facts([parent.id]))[0]?.firstChildMs).toBe(expected);
    }
  });

  it('skip children that the log has lost', async () => {
    await using folder = await aFolder();
    const parent = aRecord({ arrivalMs: 100 });
    const children = [200, 300].map((arrivalMs) => aRecord({ parents: [parent.id], arrivalMs }));
    {
      await using store = await openTestStore(folder.path);
      await store.append([parent, ...children]);
    }
    await withDatabase(join(folder.path, 'log'), (db) => db.del(messageKey(2)));
    await withDatabase(join(folder.path, 'log'), (db) => db.del(messageKey(3)));
    await using store = await openTestStore(folder.path);
    const [lost, again] = [children[0]!, aRecord({ parents: [parent.id], arrivalMs: 400 })];
    expect((await store.facts([parent.id, lost.id])).map((facts) => facts?.firstChildMs)).toEqual([
      undefined,
      undefined,
    ]);
    expect(await store.facts([lost.id])).toEqual([undefined]);
    await store.append([again]);
    expect(await store.childrenOf(parent.id, 10)).toEqual([Buffer.from(again.id)]);
    expect(hexes((await store.findByIndex(Buffer.from('test'), { limit: 10 })).messages)).toEqual(
      hexes([again, parent]),
    );
  });
});

describe('childrenOf', () => {
  it('gives as many of thousands of children as were asked for', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const children = Array.from({ length: 1_500 }, () => aRecord());
    await store.append(children);
    expect(hexes((await store.childrenOf(genesisId, 1_000)).map((id) => ({ id })))).toEqual(
      hexes(children.slice(0, 1_000)),
    );
    expect(await store.childrenOf(genesisId, 10_000)).toHaveLength(1_500);
    expect(await store.childrenOf(genesisId, 0)).toEqual([]);
    expect(await store.childrenOf(unknownId, 10)).toEqual([]);
    expect(await store.childrenOf(children[3]!.id, 10)).toEqual([]);
  });
});

describe('findByIndex', () => {
  it('pages from the newest to the oldest', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const grower = new Grower();
    const wanted = grower.many(2_500, { index: 'wanted' });
    await store.append(grower.records);
    const key = Buffer.from('wanted');
    const found: { readonly seq: number; readonly id: Uint8Array }[] = [];
    let beforeSeq: number | undefined;
    do {
      const page = await store.findByIndex(key, { limit: 700, beforeSeq });
      found.push(...page.messages);
      beforeSeq = page.goOnBefore;
    } while (beforeSeq !== undefined);
    expect(hexes(found)).toEqual(hexes(wanted.toReversed()));
    expect((await store.findByIndex(key, { limit: 0 })).messages).toEqual([]);
    expect((await store.findByIndex(Buffer.from('absent'), { limit: 5 })).messages).toEqual([]);
  });

  it('takes no key for the beginning of another', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const keys = ['a', 'ab', 'ab\0', 'abc', '\0', 'a'.repeat(64)];
    const records = keys.map((index) => aRecord({ index }));
    await store.append(records);
    for (const [position, key] of keys.entries()) {
      const { messages: found } = await store.findByIndex(Buffer.from(key), { limit: 10 });
      expect(hexes(found)).toEqual(hexes([records[position]!]));
    }
  });

  it('finds nothing of a message without a key', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append([{ ...aRecord(), indexKey: undefined }]);
    expect((await store.findByIndex(Buffer.from('test'), { limit: 10 })).messages).toEqual([]);
  });
});
