// The face of the store: what the other rooms may ask of it, and the shapes that go in and come out.
import type { MessageId } from '../protocol/ids.ts';

/** A solid message on its way in: all its parents are stored already, or stand before it in the same append. */
export interface NewRecord {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  readonly parents: readonly MessageId[];
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
  /** Arrival of the first child that is not lazy. Of the entry points only the genesis has children. */
  readonly firstChildMs: number | undefined;
  readonly isEntryPoint: boolean;
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
  state(): StoreState;

  /**
   * All or nothing; returns the seqs. Resolves when the messages are as durable as was asked for and
   * found by every read. Ids that were pending are so no longer; one that is stored already keeps its
   * seq. Throws STORE_UNAVAILABLE or DISK_FULL, after which the messages may still turn out to be stored.
   */
  append(records: readonly NewRecord[]): Promise<readonly number[]>;
  addPending(records: readonly PendingRecord[]): Promise<void>;
  removePending(ids: readonly MessageId[]): Promise<void>;

  /** In the order of the ids; undefined for what is not solid here. */
  facts(ids: readonly MessageId[]): Promise<readonly (Facts | undefined)[]>;
  /** About 10 us, synchronous. Throws STORE_RECORD_DAMAGED. */
  get(id: MessageId): StoredMessage | undefined;
  has(id: MessageId): boolean;
  /** Oldest first, lazy children after all others. */
  childrenOf(id: MessageId, limit: number): Promise<readonly MessageId[]>;
  /** Newest first; the seq of the last one is the next page's `beforeSeq`. Reads no message bytes. */
  findByIndex(key: Uint8Array, page: IndexPage): Promise<readonly FoundMessage[]>;
  /** Ascending; fewer than `limit` when `maxBytes` is reached, but at least one if there is one. */
  readLog(page: LogPage): Promise<readonly StoredMessage[]>;
  /** Descending; fewer than `limit` only at the beginning of the log. */
  readLogBackwards(page: BackwardsPage): Promise<readonly StoredMessage[]>;
  getPending(id: MessageId): Promise<PendingRecord | undefined>;
  /** In the order of ids. */
  readPending(page: PendingPage): Promise<readonly PendingRecord[]>;
}

export interface FoundMessage {
  readonly seq: number;
  readonly id: MessageId;
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

export interface PendingPage {
  readonly afterId?: MessageId | undefined;
  readonly limit: number;
}
