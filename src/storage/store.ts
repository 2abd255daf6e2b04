// The face of the store: what the other rooms may ask of it, and the shapes that go in and come out.
import type { CompactionPart } from './compaction.ts';
import type { MessageId } from '../protocol/ids.ts';

/** A solid message on its way in: all its parents are stored already, or stand before it in the same append. */
export interface NewRecord {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  readonly parents: readonly MessageId[];
  /** By `idText`, of the id and of the parents, from whoever has made them already. */
  readonly key?: string;
  readonly parentKeys?: readonly string[];
  readonly indexKey: Uint8Array | undefined;
  readonly arrivalMs: number;
  readonly isLazy: boolean;
}

export interface StoredMessage {
  /** Counts from 1 and is never given to another message. */
  readonly seq: number;
  /** Never earlier than that of the message before it. */
  readonly arrivalMs: number;
  readonly isLazy: boolean;
  readonly id: MessageId;
  readonly bytes: Uint8Array;
}

/** A message that is known but not solid yet. */
export interface PendingRecord {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  readonly arrivalMs: number;
}

/** What a new child must know of a parent. */
export interface Facts {
  /** 0 when only the id is known, as an entry point. */
  readonly seq: number;
  readonly arrivalMs: number;
  readonly isLazy: boolean;
  /** Arrival of the first child that is not lazy, also of one that was pruned since. */
  readonly firstChildMs: number | undefined;
  readonly isEntryPoint: boolean;
  /** It stays only for those that name it already, and takes no new children. */
  readonly isClosed: boolean;
}

/** What stays of a message that was pruned, or never was here, while stored messages name it as a parent. */
export interface EntryPoint {
  /** The highest seq that names it; it goes when the cut passes that. */
  readonly neededSeq: number;
  readonly isLazy: boolean;
  readonly firstChildMs: number | undefined;
  /** Brought by a catch-up that has not ended: stays, needed or not. */
  readonly isHeld: boolean;
}

export interface EntryPointRecord extends EntryPoint {
  readonly id: MessageId;
}

export interface StandingPoint extends EntryPointRecord {
  readonly isClosed: boolean;
}

export interface CutWish {
  /** As far as the cut may move; the newest message always stays. */
  readonly upToSeq: number;
  /** Stay solid as entry points, whether or not anything names them: the tips. */
  readonly keepIds?: readonly MessageId[] | undefined;
  /** What pinned messages may take; of those whose indexation key is pinned no more are kept. No limit when undefined. */
  readonly maxPinnedBytes?: number | undefined;
  /** Sees what goes before it goes. When it fails, nothing does. */
  readonly before?: ((records: readonly StoredMessage[]) => Promise<void>) | undefined;
}

/** One message, or all that have an indexation key. */
export type PinTarget = { readonly id: MessageId } | { readonly indexKey: Uint8Array };

export interface PinTotals {
  /** Messages that were pruned, and kept. */
  readonly keptCount: number;
  /** Of their records, and of the messages above the cut that are pinned by id. */
  readonly usedBytes: number;
  /** Not kept for want of room though their indexation key is pinned, since the start. */
  readonly missedCount: number;
}

export interface PinnedMessage {
  readonly id: MessageId;
  /** What its record takes. */
  readonly sizeBytes: number;
  /** `kept`: it was pruned. `missing`: it was lost, and is kept again should it come. */
  readonly state: 'stored' | 'kept' | 'missing';
}

export interface PinList {
  readonly messages: readonly PinnedMessage[];
  readonly indexKeys: readonly Uint8Array[];
}

/** What one slice took away. */
export interface CutSlice {
  readonly cutSeq: number;
  readonly messageCount: number;
  /** Of the messages themselves, going by the first of them. */
  readonly sizeBytes: number;
}

export interface StoreState {
  readonly writable: boolean;
  readonly code?: 'STORE_UNAVAILABLE' | 'DISK_FULL' | undefined;
  /** Files that were found unreadable since the start, as a sentence that says what to do. */
  readonly damage?: string | undefined;
}

/**
 * Bytes that a read returns belong to the caller. Every call may throw STORE_UNAVAILABLE: reads only
 * while the databases are closed for a moment to be reopened, writes from a failed write on until then.
 */
export interface Store extends AsyncDisposable {
  /** Hex of 16 random bytes; another one is drawn whenever the end of the log was lost. */
  readonly logId: string;
  /** The folder was made by this start. */
  readonly isNew: boolean;
  /** 0 when nothing is stored. */
  readonly lastSeq: number;
  /** Messages up to this seq were pruned. */
  readonly cutSeq: number;
  readonly messageCount: number;
  readonly entryPointCount: number;
  readonly pinTotals: PinTotals;
  /**
   * Another one when kept messages came again, so that they stand among the newest, and when the store was opened
   * again: what was read of kept messages within one epoch has all of them.
   */
  readonly keptEpoch: number;
  state(): StoreState;

  /**
   * All or nothing; returns the seqs. Resolves when the messages are as durable as was asked for and
   * found by every read. Ids that were pending are so no longer; one that is stored already keeps its
   * seq. Throws STORE_UNAVAILABLE or DISK_FULL, after which the messages may still turn out to be stored.
   */
  append(records: readonly NewRecord[]): Promise<readonly number[]>;
  addPending(records: readonly PendingRecord[]): Promise<void>;
  removePending(ids: readonly MessageId[]): Promise<void>;

  /**
   * Prunes the oldest messages, one slice of at most 16 384, or 1 000 when they are to be seen before: they are gone
   * for every read once it resolves. Those that stored messages still name become entry points. Undefined when
   * nothing was left to cut.
   */
  cut(wish: CutWish): Promise<CutSlice | undefined>;
  /**
   * Pinned messages stay readable when they are cut: by id, by key, as children and with their children. They are no
   * parents for that. Pinning again changes nothing. Throws MESSAGE_NOT_FOUND, MESSAGE_PRUNED, TOO_MANY_PINS, PINS_FULL.
   */
  pin(target: PinTarget, maxPinnedBytes: number): Promise<void>;
  /** What was kept for that pin alone is gone when it resolves. Throws PIN_UNKNOWN. */
  unpin(target: PinTarget): Promise<void>;
  /** At most 1 000 of each. */
  listPins(): Promise<PinList>;
  /** Whether a message was pruned and is kept for a pin. */
  isKept(id: MessageId): boolean;
  /** Of what is kept below the cut, ascending; as `readLog`. */
  readKept(page: LogPage): Promise<readonly StoredMessage[]>;
  /** The seq above which the newest `count` messages lie. */
  seqBeforeNewest(count: number): number;
  /** The newest message that arrived before that time; the cut when none did. Some 25 reads. */
  seqOlderThan(timeMs: number): Promise<number>;
  /** How many messages have a higher number. */
  messagesAbove(seq: number): number;
  /** How many pruned messages the index has entries of still, which nobody sees. */
  readonly staleIndexCount: number;
  /** What of pruned messages is still in tables, as far as LevelDB can tell. */
  prunedBytesOnDisk(): Promise<{ readonly log: number; readonly index: number }>;
  /**
   * Takes pruned messages off the disk, a part at a time: the log, or one piece of the index. Told to stop, it ends
   * after some 16 MiB of tables at the latest; what is left is done by the next call.
   */
  compact(part: CompactionPart, stop?: AbortSignal): Promise<void>;
  /**
   * While it is not disposed of, the cut leaves each of these solid, if only as an entry point: what
   * `facts`, called afterwards, finds to be a parent is one still when its child is appended. The keys are those
   * of the ids by `idText`, from whoever has made them already.
   */
  hold(ids: readonly MessageId[], keys?: readonly string[]): Disposable;
  /** Whether anybody holds it at the moment. By `idText` of the id. */
  isHeld(key: string): boolean;
  /** In the order of ids. */
  readEntryPoints(page: IdPage): Promise<readonly StandingPoint[]>;
  /** The boundary of a log that is taken over: these count as solid and stay until they are released. */
  adoptEntryPoints(points: readonly NewEntryPoint[]): Promise<void>;
  /** Of a boundary that was adopted, and above which nothing was read yet: nothing stands on it. */
  dropEmptyBoundary(): Promise<void>;
  /**
   * The catch-up has ended: of all entry points, those that messages named and none needs any more go, and the
   * genesis. What nobody has named yet stays: it may be a tip.
   */
  releaseEntryPoints(): Promise<void>;

  /** In the order of the ids; undefined for what is not solid here. The keys are as for `hold`. */
  facts(
    ids: readonly MessageId[],
    keys?: readonly string[],
  ): Promise<readonly (Facts | undefined)[]>;
  /** About 10 us, synchronous. Throws STORE_RECORD_DAMAGED. */
  get(id: MessageId): StoredMessage | undefined;
  has(id: MessageId): boolean;
  /** Oldest first, lazy children after all others. */
  childrenOf(id: MessageId, limit: number): Promise<readonly MessageId[]>;
  /** Newest first. Reads no message bytes. */
  findByIndex(key: Uint8Array, page: IndexPage): Promise<FoundPage>;
  /** Ascending; fewer than `limit` when `maxBytes` is reached, but at least one if there is one. */
  readLog(page: LogPage): Promise<readonly StoredMessage[]>;
  /** Descending; fewer than `limit` only at the beginning of the log. */
  readLogBackwards(page: BackwardsPage): Promise<readonly StoredMessage[]>;
  getPending(id: MessageId): Promise<PendingRecord | undefined>;
  /** In the order of ids. */
  readPending(page: IdPage): Promise<readonly PendingRecord[]>;
}

export interface FoundMessage {
  readonly seq: number;
  readonly id: MessageId;
}

export interface FoundPage {
  readonly messages: readonly FoundMessage[];
  /**
   * The next page's `beforeSeq`; undefined when there is none. There may be one behind a page that is not full: one
   * search looks only at so many entries of what was pruned.
   */
  readonly goOnBefore: number | undefined;
}

export interface IndexPage {
  readonly limit: number;
  readonly beforeSeq?: number | undefined;
}

export interface LogPage {
  readonly fromSeq: number;
  readonly limit: number;
  readonly maxBytes: number;
}

export interface BackwardsPage {
  readonly beforeSeq: number;
  readonly limit: number;
}

export interface IdPage {
  readonly afterId?: MessageId | undefined;
  readonly limit: number;
}

export type NewEntryPoint = Pick<EntryPointRecord, 'id' | 'isLazy' | 'firstChildMs'>;
