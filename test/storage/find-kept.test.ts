// A search by a pinned key below the cut, while the index still has all that was pruned. Counted is what is looked at.
import { describe, expect, it } from 'vitest';
import type { MessageId } from '../../src/protocol/ids.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database, OpenDatabase } from '../../src/storage/database.ts';
import { maxLookedAt } from '../../src/storage/find-kept.ts';
import type { NewRecord, Store } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import { aRecord, cutUpTo, openTestStore } from './support.ts';

const pageSize = 1_000;

/** Counts the entries that are read, by whichever way. */
class CountingDatabases {
  count = 0;

  readonly open: OpenDatabase = async (location, sizes) => {
    const db = await openDatabase(location, sizes);
    return new Proxy(db, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const bound = (...args: unknown[]): unknown => Reflect.apply(member, target, args);
        if (name === 'keys' || name === 'iterator') {
          return (...args: unknown[]) =>
            this.#counting(bound(...args) as ReturnType<Database['keys']>);
        }
        if (name !== 'getMany' && name !== 'hasMany') return bound;
        return (keys: readonly Buffer[], ...rest: unknown[]) => {
          this.count += keys.length;
          return bound(keys, ...rest);
        };
      },
    });
  };

  #counting(walk: ReturnType<Database['keys']>): ReturnType<Database['keys']> {
    for (const name of ['nextv', 'all'] as const) {
      const read = walk[name].bind(walk) as (...args: unknown[]) => Promise<Buffer[]>;
      const counted = async (...args: unknown[]): Promise<Buffer[]> => {
        const found = await read(...args);
        this.count += found.length;
        return found;
      };
      Object.assign(walk, { [name]: counted });
    }
    return walk;
  }
}

async function appendAll(store: Store, records: readonly NewRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += 1_000) {
    await store.append(records.slice(from, from + 1_000));
  }
}

const hexes = (found: readonly { readonly id: MessageId }[]): string[] =>
  found.map(({ id }) => messageIdHex(id));

const ofKey = (records: readonly NewRecord[], key: string): NewRecord[] =>
  records.filter(({ indexKey }) => Buffer.from(key).equals(indexKey!));

describe('a search below the cut', () => {
  it('looks at little where little is kept, however much was pruned', async () => {
    await using folder = await aFolder();
    const databases = new CountingDatabases();
    await using store = await openTestStore(folder.path, { openDatabase: databases.open });
    const records = Array.from({ length: 6_000 }, () => aRecord({ index: 'same' }));
    await appendAll(store, records);
    await cutUpTo(store, 5_500);
    await store.pin({ indexKey: Buffer.from('same') }, Infinity);
    await cutUpTo(store, 5_900);
    databases.count = 0;
    const { messages, goOnBefore } = await store.findByIndex(Buffer.from('same'), { limit: 1_000 });
    expect(hexes(messages)).toEqual(hexes(records.slice(5_500).toReversed()));
    expect(goOnBefore).toBeUndefined();
    // Above the cut 100, then a page of the index, the 400 that are kept, and these in the index.
    expect(databases.count).toBeGreaterThan(500);
    expect(databases.count).toBeLessThan(3 * pageSize);
  });

  it('looks at so many entries at a time, and tells where to go on', async () => {
    await using folder = await aFolder();
    const databases = new CountingDatabases();
    await using store = await openTestStore(folder.path, { openDatabase: databases.open });
    await store.pin({ indexKey: Buffer.from('kept') }, Infinity);
    const records = Array.from({ length: 16_000 }, (_, n) =>
      aRecord({ index: n % 2 === 0 ? 'kept' : 'late' }),
    );
    await appendAll(store, records);
    await cutUpTo(store, 15_000);
    // All that was pruned of this key is gone, and what is kept of the other lies between.
    await store.pin({ indexKey: Buffer.from('late') }, Infinity);
    await cutUpTo(store, 15_900);
    const found: string[] = [];
    let beforeSeq: number | undefined;
    let searches = 0;
    do {
      databases.count = 0;
      const page = await store.findByIndex(Buffer.from('late'), { limit: 1_000, beforeSeq });
      found.push(...hexes(page.messages));
      expect(databases.count).toBeLessThan(2 * (maxLookedAt + 2 * pageSize));
      beforeSeq = page.goOnBefore;
      searches += 1;
    } while (beforeSeq !== undefined);
    expect(found).toEqual(hexes(ofKey(records.slice(15_000), 'late').toReversed()));
    expect(searches).toBeGreaterThan(1);
  });

  it('finds all that is kept of a key, in pages of any size', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.pin({ indexKey: Buffer.from('kept') }, Infinity);
    const records = Array.from({ length: 5_000 }, (_, n) =>
      aRecord({ index: n % 3 === 0 ? 'other' : 'kept' }),
    );
    await appendAll(store, records);
    await cutUpTo(store, 4_000);
    for (const limit of [7_000, 1_000, 999]) {
      const found: string[] = [];
      let beforeSeq: number | undefined;
      do {
        const page = await store.findByIndex(Buffer.from('kept'), { limit, beforeSeq });
        expect(page.messages.length).toBeLessThanOrEqual(limit);
        found.push(...hexes(page.messages));
        beforeSeq = page.goOnBefore;
      } while (beforeSeq !== undefined);
      expect(found).toEqual(hexes(ofKey(records, 'kept').toReversed()));
    }
  });
});
