// A store in memory, for many nodes in one process. Keeps what a real one keeps over a restart.
import { hexOf } from '../../src/protocol/bytes.ts';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type {
  BackwardsPage,
  EntryPointRecord,
  Facts,
  LogPage,
  NewRecord,
  IdPage,
  PendingRecord,
  Store,
  StoredMessage,
} from '../../src/storage/store.ts';

export class MemoryStore implements Store {
  readonly logId: string;
  readonly isNew = true;
  readonly cutSeq = 0;
  /** The message with seq n stands at n - 1. */
  readonly #log: StoredMessage[] = [];
  readonly #seqs = new Map<string, number>();
  readonly #firstChildMs = new Map<string, number>();
  readonly #pending = new Map<string, PendingRecord>();

  constructor(logId: string) {
    this.logId = logId;
  }

  get lastSeq(): number {
    return this.#log.length;
  }

  get messageCount(): number {
    return this.#log.length;
  }

  readonly entryPointCount = 1;

  state(): { readonly writable: true } {
    return { writable: true };
  }

  append(records: readonly NewRecord[]): Promise<readonly number[]> {
    return Promise.resolve(records.map((record) => this.#add(record)));
  }

  #add(record: NewRecord): number {
    const key = messageIdHex(record.id);
    this.#pending.delete(key);
    const known = this.#seqs.get(key);
    if (known !== undefined) return known;
    const { id, bytes, arrivalMs, isLazy } = record;
    const seq = this.#log.length + 1;
    this.#log.push({ seq, arrivalMs, isLazy, id, bytes });
    this.#seqs.set(key, seq);
    for (const parent of isLazy ? [] : record.parents.map(messageIdHex)) {
      if (!this.#firstChildMs.has(parent)) this.#firstChildMs.set(parent, arrivalMs);
    }
    return seq;
  }

  addPending(records: readonly PendingRecord[]): Promise<void> {
    for (const record of records) this.#pending.set(messageIdHex(record.id), record);
    return Promise.resolve();
  }

  removePending(ids: readonly MessageId[]): Promise<void> {
    for (const id of ids) this.#pending.delete(messageIdHex(id));
    return Promise.resolve();
  }

  cut(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  readEntryPoints({ afterId }: IdPage): Promise<readonly EntryPointRecord[]> {
    if (afterId !== undefined) return Promise.resolve([]);
    const firstChildMs = this.#firstChildMs.get(messageIdHex(genesisId));
    return Promise.resolve([
      { id: genesisId, neededSeq: 0, isLazy: false, firstChildMs, isHeld: false },
    ]);
  }

  adoptEntryPoints(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  releaseEntryPoints(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  /** Nothing is ever cut here. */
  hold(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  facts(ids: readonly MessageId[]): Promise<readonly (Facts | undefined)[]> {
    return Promise.resolve(ids.map((id) => this.#factsOf(id)));
  }

  #factsOf(id: MessageId): Facts | undefined {
    const key = messageIdHex(id);
    const isEntryPoint = key === messageIdHex(genesisId);
    const stored = this.get(id);
    if (stored === undefined && !isEntryPoint) return undefined;
    const { seq, arrivalMs, isLazy } = stored ?? { seq: 0, arrivalMs: 0, isLazy: false };
    return { seq, arrivalMs, isLazy, firstChildMs: this.#firstChildMs.get(key), isEntryPoint };
  }

  get(id: MessageId): StoredMessage | undefined {
    return this.#log[(this.#seqs.get(messageIdHex(id)) ?? 0) - 1];
  }

  has(id: MessageId): boolean {
    return this.#seqs.has(messageIdHex(id));
  }

  childrenOf(): Promise<readonly MessageId[]> {
    return Promise.reject(new Error('not simulated'));
  }

  findByIndex(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  readLog({ fromSeq, limit }: LogPage): Promise<readonly StoredMessage[]> {
    const first = Math.max(0, fromSeq - 1);
    return Promise.resolve(this.#log.slice(first, first + limit));
  }

  readLogBackwards({ beforeSeq, limit }: BackwardsPage): Promise<readonly StoredMessage[]> {
    const end = Math.min(this.#log.length, beforeSeq - 1);
    return Promise.resolve(this.#log.slice(Math.max(0, end - limit), end).toReversed());
  }

  getPending(id: MessageId): Promise<PendingRecord | undefined> {
    return Promise.resolve(this.#pending.get(messageIdHex(id)));
  }

  readPending({ afterId, limit }: IdPage): Promise<readonly PendingRecord[]> {
    const after = afterId === undefined ? '' : hexOf(afterId);
    const ids = [...this.#pending.keys()].filter((key) => key > after).toSorted();
    return Promise.resolve(ids.slice(0, limit).flatMap((key) => this.#pending.get(key) ?? []));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
