// One append: the parents are looked up, one batch goes to the log, one to the index, then memory follows.
import assert from 'node:assert/strict';
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { IndexEntry } from './index-entry.ts';
import type { Index } from './index.ts';
import type { NamedPoints } from './entry-points.ts';
import type { Log } from './log.ts';
import type { LogRecord } from './log-state.ts';
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

type Keyed = NewRecord & Required<Pick<NewRecord, 'key' | 'parentKeys'>>;

const none: NamedPoints = [];

/** The messages are in the log, and the index is being told of them. */
export interface Appended {
  /** In the order of the records. */
  readonly seqs: readonly number[];
  /** Rejects when the index could not be written: then all must be opened anew. */
  readonly indexing: Promise<void>;
}

/** Never two at a time, and none before the index has settled. */
export async function append(
  { log, index, recent, view }: Shelves,
  records: readonly NewRecord[],
  /** Before and after those are written that were kept below the cut, and are so no longer. */
  onReturning: () => void,
): Promise<Appended> {
  const keyed = records.map(withKeys);
  // After a reopening the log may hold messages of an append that failed, and its caller tries again.
  const known = keyed.map(({ key }) => view.recall(key)?.seq ?? 0);
  const fresh = keyed.filter((_, position) => known[position] === 0);
  if (fresh.length === 0) return { seqs: known, indexing: Promise.resolve() };
  const returning = await view.keptOf(fresh.map(({ id }) => id));
  if (returning.length > 0) onReturning();
  const book = await openBook(view, fresh);
  const { stored, points, write } = log.stage(
    fresh.map((record) => logRecord(record, book)),
    returning,
  );
  const writing = write();
  let add: ReturnType<Index['stage']>;
  try {
    // While the disk is busy with the log.
    fresh.forEach(({ key }, position) => {
      const point = points.get(key) ?? log.entryPoint(key);
      book.facts.set(key, newFacts(numbered(stored, position), point));
    });
    add = index.stage(
      fresh.map((record, position) => indexEntry(record, numbered(stored, position), book)),
    );
  } finally {
    await writing;
  }
  if (returning.length > 0) onReturning();
  await forgetKept(index, returning);
  recent.change(book.facts);
  // What comes next is looked at meanwhile.
  const indexing = index.begin(add, book.facts);
  let next = 0;
  const seqs = known.map((seq) => (seq === 0 ? (stored[next++]?.seq ?? 0) : seq));
  return { seqs, indexing };
}

function withKeys(record: NewRecord): Keyed {
  return isKeyed(record)
    ? record
    : { ...record, key: idText(record.id), parentKeys: record.parents.map(idText) };
}

const isKeyed = (record: NewRecord): record is Keyed =>
  record.key !== undefined && record.parentKeys !== undefined;

function numbered(stored: readonly StoredMessage[], position: number): StoredMessage {
  const message = stored[position];
  assert.ok(message !== undefined, 'the log numbers every record');
  return message;
}

/** With the parents that stood outside of the append. */
async function openBook(view: View, records: readonly Keyed[]): Promise<Book> {
  const appended = new Set<string>();
  const outside = new Map<string, MessageId>();
  for (const { key, parents, parentKeys } of records) {
    let position = 0;
    for (const parent of parents) {
      const parentKey = parentKeys[position++];
      if (parentKey !== undefined && !appended.has(parentKey)) outside.set(parentKey, parent);
    }
    appended.add(key);
  }
  assert.equal(appended.size, records.length, 'an append has each message once');
  const keys = [...outside.keys()];
  const found = await view.facts([...outside.values()], keys);
  const facts = new Map<string, Facts>();
  const points: MessageId[] = [];
  let position = 0;
  for (const [key, id] of outside) {
    const parent = found[position++];
    assert.ok(parent !== undefined, 'the parents of an appended message are solid');
    facts.set(key, parent);
    // One that comes again in this append is kept no longer.
    if (parent.seq === 0 && !appended.has(key)) points.push(id);
  }
  const kept = await view.keptOf(points);
  return { facts, keptSeqs: new Map(kept.map(({ id, seq }) => [idText(id), seq])) };
}

function logRecord(
  { id, bytes, arrivalMs, isLazy, parentKeys }: Keyed,
  { facts }: Book,
): LogRecord {
  const isPoint = (key: string): boolean => facts.get(key)?.isEntryPoint === true;
  const entryPoints = parentKeys.some(isPoint)
    ? parentKeys.filter(isPoint).map((key) => ({ key, firstChildMs: facts.get(key)?.firstChildMs }))
    : none;
  return { id, bytes, arrivalMs, isLazy, entryPoints };
}

/** Notes in the book which parents have found their first child. */
function indexEntry(
  { parentKeys, indexKey }: Keyed,
  { seq, arrivalMs, id, isLazy }: StoredMessage,
  { facts, keptSeqs }: Book,
): IndexEntry {
  const parentSeqs: number[] = [];
  for (const key of parentKeys) {
    const ofParent = facts.get(key);
    const ownSeq = ofParent && childrenSeqOf(key, ofParent);
    const parentSeq = ownSeq ?? keptSeqs.get(key);
    if (parentSeq !== undefined) parentSeqs.push(parentSeq);
    if (ofParent && ownSeq !== undefined && !isLazy && ofParent.firstChildMs === undefined) {
      facts.set(key, { ...ofParent, firstChildMs: arrivalMs });
    }
  }
  return { seq, id, isLazy, parentSeqs, indexKey };
}
