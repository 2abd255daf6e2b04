// What both databases say together. The index points and the log decides: a hit counts only if the log has
// that record and it carries that id, because the index may be older or newer than the log.
import { genesisId, idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { findKept, pageOf } from './find-kept.ts';
import { carries } from './index-entry.ts';
import type { Index } from './index.ts';
import type { LastRead } from './last-read.ts';
import type { Log } from './log.ts';
import type { Recent } from './recent.ts';
import { decodeRecord } from './record-layout.ts';
import type {
  EntryPoint,
  Facts,
  FoundMessage,
  FoundPage,
  IndexPage,
  StoredMessage,
} from './store.ts';

/** Most parents have no child that is gone, so one seek answers. */
const firstChildSizes = { first: 1, next: 64 };
/** Bodies are read along, so that this many times 32 KiB is what one request holds. */
const maxChildrenPerPage = 16;
const maxFoundPerPage = 1_000;
/** Iterators open at a time. */
const maxSeeks = 32;
const genesisKey = idText(genesisId);

/** The seq by which the index knows a parent's children; entry points but the genesis have none there. */
export function childrenSeqOf(key: string, facts: Facts): number | undefined {
  return facts.seq > 0 || key === genesisKey ? facts.seq : undefined;
}

/** What memory knows of messages. */
export interface Caches {
  readonly recent: Recent;
  readonly lastRead: LastRead;
}

export class View {
  readonly #log: Log;
  readonly #index: Index;
  readonly #recent: Recent;
  readonly #lastRead: LastRead;

  constructor(log: Log, index: Index, { recent, lastRead }: Caches) {
    this.#log = log;
    this.#index = index;
    this.#recent = recent;
    this.#lastRead = lastRead;
  }

  /** Throws STORE_RECORD_DAMAGED. */
  get(id: MessageId): StoredMessage | undefined {
    const key = idText(id);
    const known = this.#lastRead.get(key);
    if (known !== undefined && known.seq > this.#log.cutSeq) return known;
    const record = this.#read(id);
    if (record !== undefined && record.seq > this.#log.cutSeq) this.#lastRead.keep(key, record);
    return record;
  }

  #read(id: MessageId): StoredMessage | undefined {
    const seq = this.#index.locateSync(id);
    const record = seq === undefined ? undefined : this.#log.getSync(seq);
    return carries(record, id) ? record : undefined;
  }

  /** What memory knows. By `idText`. */
  recall(key: string): Facts | undefined {
    const facts = this.#recent.get(key);
    return facts && this.#standing(key, facts);
  }

  /** Memory is not told of a cut: what lies below it now is an entry point, or gone. */
  #standing(key: string, facts: Facts): Facts | undefined {
    if (facts.seq > this.#log.cutSeq) return facts;
    const point = this.#log.entryPoint(key);
    if (point === undefined) return undefined;
    const firstChildMs = point.firstChildMs ?? (facts.seq === 0 ? facts.firstChildMs : undefined);
    return { ...this.#factsOfPoint(point), firstChildMs };
  }

  #factsOfPoint(point: EntryPoint): Facts {
    const { isLazy, firstChildMs } = point;
    const isClosed = this.#log.isClosed(point);
    return { seq: 0, arrivalMs: 0, isLazy, firstChildMs, isEntryPoint: true, isClosed };
  }

  /** The keys are those of the ids by `idText`. */
  async facts(
    ids: readonly MessageId[],
    keys: readonly string[] = ids.map(idText),
  ): Promise<readonly (Facts | undefined)[]> {
    const recent = keys.map((key) => this.recall(key));
    const isMissing = (_: unknown, position: number): boolean => recent[position] === undefined;
    const missing = ids.filter(isMissing);
    if (missing.length === 0) return recent;
    const { changeCount } = this.#recent;
    const read = await this.#readFacts(missing, keys.filter(isMissing));
    return keys.map((key, position) => {
      const facts = recent[position] ?? read.get(key);
      return facts && this.#standing(key, this.#recent.keepRead(key, facts, changeCount));
    });
  }

  async #readFacts(
    ids: readonly MessageId[],
    keys: readonly string[],
  ): Promise<Map<string, Facts>> {
    const found = new Map<string, Facts>();
    for (const key of keys) {
      const point = this.#log.entryPoint(key);
      if (point !== undefined) found.set(key, this.#factsOfPoint(point));
    }
    for (const record of await this.#believed(ids)) {
      const key = idText(record.id);
      found.set(key, newFacts(record, this.#log.entryPoint(key)));
    }
    const entries = [...found];
    for (let from = 0; from < entries.length; from += maxSeeks) {
      const seeks = entries.slice(from, from + maxSeeks).map(async ([key, facts]) => {
        const firstChildMs = facts.firstChildMs ?? (await this.#firstChildMs(key, facts));
        found.set(key, { ...facts, firstChildMs });
      });
      await Promise.all(seeks);
    }
    return found;
  }

  /** The records of those ids that are stored. */
  async #believed(ids: readonly MessageId[]): Promise<readonly StoredMessage[]> {
    const seqs = await this.#index.locate(ids);
    const hits = ids.flatMap((id, position) => {
      const seq = seqs[position];
      return seq === undefined || seq <= this.#log.cutSeq ? [] : [{ id, seq }];
    });
    const records = await this.#log.getMany(hits.map(({ seq }) => seq));
    return hits.flatMap(({ id }, position) => {
      const record = records[position];
      return carries(record, id) ? [record] : [];
    });
  }

  async #firstChildMs(key: string, facts: Facts): Promise<number | undefined> {
    const parentSeq = childrenSeqOf(key, facts);
    if (parentSeq === undefined) return undefined;
    for await (const seqs of this.#index.childPages(
      this.#family(parentSeq),
      'not lazy',
      firstChildSizes,
    )) {
      const child = (await this.#log.getMany(seqs)).find((record) => record !== undefined);
      if (child !== undefined) return child.arrivalMs;
    }
    return undefined;
  }

  /** Of the genesis the index has children that were pruned. */
  #family(parentSeq: number): { readonly parentSeq: number; readonly afterSeq: number } {
    return { parentSeq, afterSeq: parentSeq === 0 ? this.#log.cutSeq : 0 };
  }

  async childrenOf(id: MessageId, limit: number): Promise<readonly MessageId[]> {
    const parentSeq = idText(id) === genesisKey ? 0 : this.get(id)?.seq;
    const children: MessageId[] = [];
    if (parentSeq === undefined || limit <= 0) return children;
    const size = Math.min(limit, maxChildrenPerPage);
    const sizes = { first: size, next: size };
    const family = this.#log.pins.hasKept ? { parentSeq, afterSeq: 0 } : this.#family(parentSeq);
    for await (const seqs of this.#index.childPages(family, 'all', sizes)) {
      const records = await this.#readable(seqs);
      children.push(...records.flatMap((record) => record?.id ?? []));
      if (children.length >= limit) break;
    }
    return children.slice(0, limit);
  }

  /** As they are stored, or kept below the cut. */
  async #readable(seqs: readonly number[]): Promise<readonly (StoredMessage | undefined)[]> {
    const records = await this.#log.getMany(seqs);
    const { pins } = this.#log;
    if (!pins.hasKept || !records.includes(undefined)) return records;
    const kept = await pins.getMany(seqs);
    return records.map((record, position) => record ?? kept[position]);
  }

  /** Whether it was pruned and is kept. Costs nothing while nothing is. */
  isKept(id: MessageId): boolean {
    const { pins } = this.#log;
    const seq = pins.hasKept ? this.#index.locateSync(id) : undefined;
    const value = seq === undefined ? undefined : pins.getSync(seq);
    return value !== undefined && carries(decodeRecord(seq ?? 0, value), id);
  }

  /**
   * Of these, the records of those that were pruned and kept. Such a message can be read, but it is no parent: to all
   * that asks for facts it is as gone as any that was pruned.
   */
  async keptOf(ids: readonly MessageId[]): Promise<readonly StoredMessage[]> {
    if (!this.#log.pins.hasKept) return [];
    const seqs = (await this.#index.locate(ids)).map((seq = 0) => seq);
    const records = await this.#log.pins.getMany(seqs);
    return ids.flatMap((id, position) => {
      const record = records[position];
      return carries(record, id) ? [record] : [];
    });
  }

  async findByIndex(
    key: Uint8Array,
    { limit, beforeSeq = Infinity }: IndexPage,
  ): Promise<FoundPage> {
    const found: FoundMessage[] = [];
    if (limit <= 0) return pageOf(found, limit);
    const { cutSeq, pins } = this.#log;
    const between = { afterSeq: cutSeq, beforeSeq };
    const size = Math.min(limit, maxFoundPerPage);
    for await (const page of this.#index.foundPages(key, between, size)) {
      found.push(...page.filter(({ seq }) => this.#log.isStored(seq)));
      if (found.length >= limit) return pageOf(found, limit);
    }
    if (!pins.hasKept) return pageOf(found, limit);
    const below = { limit: limit - found.length, beforeSeq: Math.min(beforeSeq, cutSeq + 1) };
    const { messages, goOnBefore } = await this.#findKept(key, below);
    return { messages: [...found, ...messages], goOnBefore };
  }

  /** Of a key that is not pinned only what is pinned by id is looked up. */
  async #findKept(
    key: Uint8Array,
    below: { readonly limit: number; readonly beforeSeq: number },
  ): Promise<FoundPage> {
    const [index, { pins }] = [this.#index, this.#log];
    if (pins.hasIndexKey(key)) return findKept(key, below, { index, pins });
    const seqs = pins.keptSeqsOfIds.filter((seq) => seq < below.beforeSeq);
    return pageOf(await index.foundAmong(key, seqs), below.limit);
  }
}

/** Of a message before it has children here; it may be known as an entry point that had some. */
export function newFacts(record: StoredMessage, point: EntryPoint | undefined): Facts {
  const { seq, arrivalMs, isLazy } = record;
  return {
    seq,
    arrivalMs,
    isLazy,
    firstChildMs: point?.firstChildMs,
    isEntryPoint: point !== undefined,
    isClosed: false,
  };
}
