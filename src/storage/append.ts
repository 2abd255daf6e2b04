// One append: the parents are looked up, one batch goes to the log, one to the index, then memory follows.
import assert from 'node:assert/strict';
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Index, IndexEntry } from './index.ts';
import type { Log, LogRecord } from './log.ts';
import { forgetKept } from './pinning.ts';
import type { Recent } from './recent.ts';
import type { Facts, NewRecord, StoredMessage } from './store.ts';
import { childrenSeqOf, newFacts } from './view.ts';
import type { View } from './view.ts';

/** What lies open between two reopenings. */
export interface Shelves extends AsyncDisposable {
  readonly log: Log;
  readonly index: Index;
  readonly recent: Recent;
  readonly view: View;
}

/** By `idText`. */
interface Book {
  /** Of the parents of an append, and of its own messages once they have seqs. */
  readonly facts: Map<string, Facts>;
  /** Of parents that are entry points and, being pinned, can be read: their seqs below the cut. */
  readonly keptSeqs: ReadonlyMap<string, number>;
}

/** Never two at a time. Returns the seqs in the order of the records. */
export async function append(
  { log, index, recent, view }: Shelves,
  records: readonly NewRecord[],
): Promise<readonly number[]> {
  // After a reopening the log may hold messages of an append that failed, and its caller tries again.
  const known = records.map(({ id }) => view.recall(idText(id))?.seq ?? 0);
  const fresh = records.filter((_, position) => known[position] === 0);
  if (fresh.length === 0) return known;
  const returning = await view.keptOf(fresh.map(({ id }) => id));
  const book = await openBook(view, fresh);
  const stored = await log.append(
    fresh.map((record) => logRecord(record, book)),
    returning,
  );
  for (const message of stored) {
    const key = idText(message.id);
    book.facts.set(key, newFacts(message, log.entryPoint(key)));
  }
  await forgetKept(index, returning);
  await index.add(fresh.map((record, position) => indexEntry(record, stored[position], book)));
  recent.change(book.facts);
  let next = 0;
  return known.map((seq) => (seq === 0 ? (stored[next++]?.seq ?? 0) : seq));
}

/** With the parents that stood outside of the append. */
async function openBook(view: View, records: readonly NewRecord[]): Promise<Book> {
  const appended = new Set<string>();
  const outside = new Map<string, MessageId>();
  for (const record of records) {
    for (const parent of record.parents) {
      const key = idText(parent);
      if (!appended.has(key)) outside.set(key, parent);
    }
    appended.add(idText(record.id));
  }
  assert.equal(appended.size, records.length, 'an append has each message once');
  const parents = [...outside.values()];
  const found = await view.facts(parents);
  const facts = new Map<string, Facts>();
  for (const [position, key] of [...outside.keys()].entries()) {
    const parent = found[position];
    assert.ok(parent !== undefined, 'the parents of an appended message are solid');
    facts.set(key, parent);
  }
  // One that comes again in this append is kept no longer.
  const points = parents.filter(
    (id, position) => found[position]?.seq === 0 && !appended.has(idText(id)),
  );
  const kept = await view.keptOf(points);
  return { facts, keptSeqs: new Map(kept.map(({ id, seq }) => [idText(id), seq])) };
}

function logRecord(record: NewRecord, { facts }: Book): LogRecord {
  const { id, bytes, arrivalMs, isLazy, parents } = record;
  const entryPoints = parents.flatMap((parent) => {
    const key = idText(parent);
    const ofParent = facts.get(key);
    return ofParent?.isEntryPoint === true ? [{ key, firstChildMs: ofParent.firstChildMs }] : [];
  });
  return { id, bytes, arrivalMs, isLazy, entryPoints };
}

/** Notes in the book which parents have found their first child. */
function indexEntry(
  record: NewRecord,
  stored: StoredMessage | undefined,
  { facts, keptSeqs }: Book,
): IndexEntry {
  assert.ok(stored !== undefined, 'the log stores every record');
  const { seq, arrivalMs, id, isLazy } = stored;
  const parentSeqs = record.parents.flatMap((parent) => {
    const key = idText(parent);
    const ofParent = facts.get(key);
    const parentSeq = ofParent && childrenSeqOf(key, ofParent);
    if (ofParent === undefined || parentSeq === undefined) return keptSeqs.get(key) ?? [];
    if (!isLazy && ofParent.firstChildMs === undefined) {
      facts.set(key, { ...ofParent, firstChildMs: arrivalMs });
    }
    return [parentSeq];
  });
  return { seq, id, isLazy, parentSeqs, indexKey: record.indexKey };
}
