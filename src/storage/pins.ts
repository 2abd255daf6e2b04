// What the owner pinned, by id or by indexation key, and the records of such messages that lie below the cut:
// kept in a key space of their own, where readers look when there are any.
import { bytesOfText, idText } from '../protocol/ids.ts';
import { pagesOf } from './database.ts';
import type { Batch, Database } from './database.ts';
import { logSpaces, logStateKey, pinKey, pinRange, seqOfPinKey, spaceRange } from './layout.ts';
import type { SeqRange } from './layout.ts';
import { decodeKept, decodePinned, encodeKept, encodePinnedId, pinnedKey } from './pin-layout.ts';
import type { KeptTotals, PinnedId } from './pin-layout.ts';
import { decodeRecord, encodeRecord, recordBytes } from './record-layout.ts';
import type { LogPage, PinTotals, StoredMessage } from './store.ts';

const pageSizes = { first: 1_000, next: 1_000 };
const maxRecordsPerPage = 64;
const nothing = Buffer.alloc(0);
const noneKept: KeptTotals = { messageCount: 0, sizeBytes: 0 };

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Keys of maps are those of `idText`, of indexation keys too. */
export interface PinChange {
  readonly keep?: readonly StoredMessage[];
  readonly drop?: readonly StoredMessage[];
  /** Undefined for one that is pinned no longer. */
  readonly ids?: ReadonlyMap<string, PinnedId | undefined>;
  readonly indexKeys?: ReadonlyMap<string, 'pinned' | 'unpinned'>;
}

const noChange: Required<PinChange> = {
  keep: [],
  drop: [],
  ids: new Map(),
  indexKeys: new Map(),
};

/** A message of a slice that is cut, whose bytes are proven. */
export interface Leaving {
  readonly record: StoredMessage;
  readonly indexKey: Uint8Array | undefined;
}

export interface Choice {
  readonly kept: readonly StoredMessage[];
  /** Of pinned indexation keys, and there was no room for them. */
  readonly missedCount: number;
}

export class Pins {
  readonly #db: Database;
  /** By `idText`; both are bounded by whoever adds to them. */
  readonly ids = new Map<string, PinnedId>();
  readonly indexKeys = new Set<string>();
  #kept = noneKept;
  /** Of what is pinned by id and is not kept yet. */
  #reservedBytes = 0;

  private constructor(db: Database) {
    this.#db = db;
  }

  static async open(db: Database): Promise<Pins> {
    const pins = new Pins(db);
    const kept = await db.get(logStateKey('pins'));
    if (kept !== undefined) pins.#kept = decodeKept(kept);
    for await (const page of pagesOf(db.iterator(spaceRange(logSpaces.pinned)), pageSizes)) {
      for (const [key, value] of page) pins.#know(key, value);
    }
    return pins;
  }

  #know(key: Buffer, value: Buffer): void {
    const found = decodePinned(key, value);
    if (found === undefined) return;
    if (found.pinnedId === undefined) this.indexKeys.add(idText(found.bytes));
    else this.#setId(idText(found.bytes), found.pinnedId);
  }

  get kept(): KeptTotals {
    return this.#kept;
  }

  get totals(): Pick<PinTotals, 'keptCount' | 'usedBytes'> {
    return { keptCount: this.#kept.messageCount, usedBytes: this.usedBytes };
  }

  /** While it is false, reads below the cut find nothing and need not look. */
  get hasKept(): boolean {
    return this.#kept.messageCount > 0;
  }

  get isEmpty(): boolean {
    return this.ids.size === 0 && this.indexKeys.size === 0;
  }

  /** Of what is kept, and of what is pinned by id and will be. */
  get usedBytes(): number {
    return this.#kept.sizeBytes + this.#reservedBytes;
  }

  #setId(key: string, pinned: PinnedId | undefined): void {
    this.#reservedBytes += reservedBytesOf(pinned) - reservedBytesOf(this.ids.get(key));
    if (pinned === undefined) this.ids.delete(key);
    else this.ids.set(key, pinned);
  }

  hasIndexKey(indexKey: Uint8Array | undefined): boolean {
    return indexKey !== undefined && this.indexKeys.has(idText(indexKey));
  }

  /** Below the cut, of what is pinned by id. */
  get keptSeqsOfIds(): number[] {
    return [...this.ids.values()].map(({ keptSeq }) => keptSeq).filter((seq) => seq > 0);
  }

  /** Which stay. For those that are pinned by id the room was counted when they were. */
  choose(leaving: readonly Leaving[], maxBytes: number): Choice {
    const kept: StoredMessage[] = [];
    let { usedBytes } = this;
    let missedCount = 0;
    for (const { record, indexKey } of leaving) {
      if (this.ids.has(idText(record.id))) kept.push(record);
      else if (this.hasIndexKey(indexKey)) {
        const sizeBytes = recordBytes(record);
        if (usedBytes + sizeBytes > maxBytes) missedCount += 1;
        else {
          usedBytes += sizeBytes;
          kept.push(record);
        }
      }
    }
    return { kept, missedCount };
  }

  /** Writes a change into a batch. Call what it returns once the batch is committed. */
  stage(batch: Batch, change: PinChange): () => void {
    const { keep, drop, indexKeys, ...given } = { ...noChange, ...change };
    const ids = new Map<string, PinnedId | undefined>();
    const kept = { ...this.#kept };
    for (const record of drop) this.#count(kept, ids, { record, by: -1 });
    for (const record of keep) this.#count(kept, ids, { record, by: 1 });
    for (const [key, pinned] of given.ids) ids.set(key, pinned);
    for (const { seq } of drop) batch.del(pinKey(seq));
    for (const record of keep) batch.put(pinKey(record.seq), encodeRecord(record));
    if (keep.length + drop.length > 0) batch.put(logStateKey('pins'), encodeKept(kept));
    putIds(batch, ids);
    putIndexKeys(batch, indexKeys);
    return () => this.#apply(kept, ids, indexKeys);
  }

  #count(
    kept: Mutable<KeptTotals>,
    ids: Map<string, PinnedId | undefined>,
    { record, by }: { readonly record: StoredMessage; readonly by: 1 | -1 },
  ): void {
    const key = idText(record.id);
    const sizeBytes = recordBytes(record);
    kept.messageCount += by;
    kept.sizeBytes += by * sizeBytes;
    if (this.ids.has(key)) ids.set(key, { keptSeq: by === 1 ? record.seq : 0, sizeBytes });
  }

  #apply(
    kept: KeptTotals,
    ids: ReadonlyMap<string, PinnedId | undefined>,
    indexKeys: NonNullable<PinChange['indexKeys']>,
  ): void {
    this.#kept = kept;
    for (const [key, pinned] of ids) this.#setId(key, pinned);
    for (const [key, state] of indexKeys) {
      if (state === 'pinned') this.indexKeys.add(key);
      else this.indexKeys.delete(key);
    }
  }

  // ---- what is kept ----

  getSync(seq: number): Buffer | undefined {
    return this.hasKept ? this.#db.getSync(pinKey(seq)) : undefined;
  }

  /** In the order of the seqs; undefined for what is not kept or damaged. */
  async getMany(seqs: readonly number[]): Promise<readonly (StoredMessage | undefined)[]> {
    if (!this.hasKept || seqs.length === 0) return seqs.map(() => undefined);
    const values = await this.#db.getMany(seqs.map(pinKey));
    return seqs.map((seq, position) => {
      const value = values[position];
      return value === undefined ? undefined : decodeRecord(seq, value);
    });
  }

  /** Of these, those that are kept. Copies no bytes. */
  async keptOf(seqs: readonly number[]): Promise<ReadonlySet<number>> {
    if (!this.hasKept || seqs.length === 0) return new Set();
    const found = await this.#db.hasMany(seqs.map(pinKey));
    return new Set(seqs.filter((_, position) => found[position]));
  }

  /** The newest of them first. Copies no bytes. */
  async seqsBefore(beforeSeq: number, limit: number): Promise<readonly number[]> {
    const keys = await this.#db.keys({ ...pinRange(1, beforeSeq - 1), limit }).all();
    return keys.map(seqOfPinKey);
  }

  /** Of one slice, ascending. */
  async keptWithin({ firstSeq, lastSeq }: SeqRange): Promise<readonly number[]> {
    if (!this.hasKept) return [];
    const walk = { ...pinRange(firstSeq, lastSeq), reverse: true };
    return (await this.#db.keys(walk).all()).map(seqOfPinKey);
  }

  /** Ascending; damaged records are passed over. */
  async read({ fromSeq, limit, maxBytes }: LogPage): Promise<readonly StoredMessage[]> {
    const found: StoredMessage[] = [];
    let sizeBytes = 0;
    const size = Math.min(limit, maxRecordsPerPage);
    const oldestFirst = { ...pinRange(fromSeq, Infinity), reverse: true };
    for await (const page of pagesOf(this.#db.iterator(oldestFirst), { first: size, next: size })) {
      for (const [key, value] of page) {
        const record = decodeRecord(seqOfPinKey(key), value);
        if (record === undefined) continue;
        sizeBytes += record.bytes.length;
        if (found.length >= limit || (found.length > 0 && sizeBytes > maxBytes)) return found;
        found.push(record);
      }
    }
    return found;
  }
}

function reservedBytesOf(pinned: PinnedId | undefined): number {
  return pinned?.keptSeq === 0 ? pinned.sizeBytes : 0;
}

function putIds(batch: Batch, ids: ReadonlyMap<string, PinnedId | undefined>): void {
  for (const [key, pinned] of ids) {
    const at = pinnedKey('id', bytesOfText(key));
    if (pinned === undefined) batch.del(at);
    else batch.put(at, encodePinnedId(pinned));
  }
}

function putIndexKeys(batch: Batch, indexKeys: NonNullable<PinChange['indexKeys']>): void {
  for (const [key, state] of indexKeys) {
    const at = pinnedKey('indexKey', bytesOfText(key));
    if (state === 'unpinned') batch.del(at);
    else batch.put(at, nothing);
  }
}
