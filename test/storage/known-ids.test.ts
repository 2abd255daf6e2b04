import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { MessageId } from '../../src/protocol/ids.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { Database } from '../../src/storage/database.ts';
import { KnownIds } from '../../src/storage/known-ids.ts';
import { encodeNumber, idKey } from '../../src/storage/layout.ts';
import { aFolder } from '../support/folder.ts';

const enoughBytes = 1 << 20;

const randomIds = (count: number): MessageId[] =>
  Array.from({ length: count }, () => asMessageId(randomBytes(32)));

async function store(db: Database, ids: readonly MessageId[]): Promise<void> {
  const batch = db.batch();
  for (const id of ids) batch.put(idKey(id), encodeNumber(1));
  await batch.write();
}

interface Opened extends AsyncDisposable {
  readonly db: Database;
  readonly known: KnownIds;
}

async function openKnown(maxBytes = enoughBytes): Promise<Opened> {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await aFolder());
  const sizes = { cacheBytes: 1 << 20, writeBufferBytes: 1 << 20 };
  const db = opening.use(await openDatabase(join(folder.path, 'index'), sizes));
  const known = opening.use(new KnownIds(db, maxBytes));
  const owned = opening.move();
  return { db, known, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const countOf = (known: KnownIds, ids: readonly MessageId[]): number =>
  ids.filter((id) => known.mayHave(id)).length;

describe('the ids that the index knows', () => {
  it('may all be there until they were learned', async () => {
    await using opened = await openKnown();
    const { db, known } = opened;
    const [stored, strange] = [randomIds(40_000), randomIds(1_000)];
    await store(db, stored);
    expect(countOf(known, strange)).toBe(strange.length);
    await known.learn();
    expect(countOf(known, stored)).toBe(stored.length);
    expect(countOf(known, strange)).toBeLessThan(100);
  });

  it('are those too that are stored while others are learned', async () => {
    await using opened = await openKnown();
    const { db, known } = opened;
    const stored = randomIds(40_000);
    await store(db, stored);
    const learning = known.learn();
    const added = randomIds(2_000);
    for (let at = 0; at < added.length; at += 100) {
      const some = added.slice(at, at + 100);
      await store(db, some);
      known.add(some);
    }
    await learning;
    expect(countOf(known, [...stored, ...added])).toBe(stored.length + added.length);
    expect(countOf(known, randomIds(1_000))).toBeLessThan(100);
  });

  it('are learned again when they have become many, without those that were removed', async () => {
    // Room for some 30 000.
    await using opened = await openKnown(45_000);
    const { db, known } = opened;
    await known.learn();
    const removed = randomIds(29_000);
    known.add(removed);
    expect(countOf(known, removed)).toBe(removed.length);
    const stored = randomIds(1_001);
    await store(db, stored);
    known.add(stored);
    // Joins what the last call has begun.
    await known.learn();
    expect(countOf(known, stored)).toBe(stored.length);
    expect(countOf(known, removed)).toBeLessThan(2_900);
  });

  it('are learned again while there is still room for those that come meanwhile', async () => {
    // Room for some 30 000.
    await using opened = await openKnown(45_000);
    const { db, known } = opened;
    await known.learn();
    const learning = vi.spyOn(db, 'approximateSize');
    known.add(randomIds(20_000));
    expect(learning).not.toHaveBeenCalled();
    known.add(randomIds(4_000));
    expect(learning).toHaveBeenCalledOnce();
  });

  it('may all be there when the database cannot be read', async () => {
    await using opened = await openKnown();
    const { db, known } = opened;
    await db.close();
    await known.learn();
    known.add(randomIds(10));
    expect(countOf(known, randomIds(100))).toBe(100);
  });

  it('are no longer learned when it is closed', async () => {
    await using opened = await openKnown();
    const { db, known } = opened;
    await store(db, randomIds(40_000));
    const learning = known.learn();
    await known[Symbol.asyncDispose]();
    await learning;
    expect(countOf(known, randomIds(100))).toBe(100);
    await known.learn();
    expect(countOf(known, randomIds(100))).toBe(100);
  });
});
