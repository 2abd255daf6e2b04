// A store in memory, for many nodes in one process. Keeps what a real one keeps over a restart.
import { hexOf } from '../../src/protocol/bytes.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { genesisId, idOfText, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type {
  BackwardsPage,
  CutSlice,
  CutWish,
  EntryPointRecord,
  Facts,
  LogPage,
  NewEntryPoint,
  NewRecord,
  IdPage,
  PendingRecord,
  StandingPoint,
  Store,
  StoredMessage,
} from '../../src/storage/store.ts';

export class MemoryStore implements Store {
  readonly logId: string;
  readonly #maxParentAgeMs: number;
  readonly isNew = true;
  cutSeq = 0;
  /** The message with seq n stands at n - 1 - cutSeq. */
  #log: StoredMessage[] = [];
  readonly #seqs = new Map<string, number>();
  readonly #firstChildMs = new Map<string, number>();
  readonly #points = new Map<string, EntryPointRecord>();
  readonly #held: string[] = [];
  readonly #pending = new Map<string, PendingRecord>();

  /** `maxParentAgeMs` as the door of the node has it. */
  constructor(logId: string, maxParentAgeMs: number) {
    this.logId = logId;
    this.#maxParentAgeMs = maxParentAgeMs;
    this.#addPoint({ id: genesisId, isLazy: false, firstChildMs: undefined });
  }

  get lastSeq(): number {
    return this.cutSeq + this.#log.length;
  }

  get messageCount(): number {
    return this.#log.length;
  }

  get entryPointCount(): number {
    return this.#points.size;
  }

  readonly keptEpoch = 0;
  readonly pinTotals = { keptCount: 0, usedBytes: 0, missedCount: 0 };

  pin(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  unpin(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  listPins(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  isKept(): boolean {
    return false;
  }

  readKept(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

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
    const seq = this.lastSeq + 1;
    this.#log.push({ seq, arrivalMs, isLazy, id, bytes });
    this.#seqs.set(key, seq);
    for (const parent of record.parents.map(messageIdHex)) {
      const point = this.#points.get(parent);
      if (point !== undefined) this.#points.set(parent, { ...point, neededSeq: seq });
    }
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

  /** All at once, and nothing that still needs an entry point is overlooked: it looks at every message left. */
  cut({ upToSeq, keepIds = [] }: CutWish): Promise<CutSlice | undefined> {
    const cutSeq = Math.min(upToSeq, this.lastSeq - 1);
    if (cutSeq <= this.cutSeq) return Promise.resolve(undefined);
    const gone = this.#log.slice(0, cutSeq - this.cutSeq);
    this.#log = this.#log.slice(gone.length);
    this.cutSeq = cutSeq;
    const kept = new Set([...keepIds.map(messageIdHex), ...this.#held]);
    for (const { id, isLazy } of gone) {
      const key = messageIdHex(id);
      this.#seqs.delete(key);
      this.#addPoint({ id, isLazy, firstChildMs: this.#firstChildMs.get(key) });
    }
    this.#dropPoints((key) => kept.has(key));
    const sizeBytes = gone.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return Promise.resolve({ cutSeq, messageCount: gone.length, sizeBytes });
  }

  seqBeforeNewest(count: number): number {
    return Math.max(this.cutSeq, this.lastSeq - count);
  }

  seqOlderThan(beforeMs: number): Promise<number> {
    const younger = this.#log.findIndex(({ arrivalMs }) => arrivalMs >= beforeMs);
    return Promise.resolve(younger < 0 ? this.lastSeq : this.cutSeq + younger);
  }

  messagesAbove(): never {
    throw new Error('the simulation measures nothing');
  }

  readonly staleIndexCount = 0;

  prunedBytesOnDisk(): Promise<never> {
    return Promise.reject(new Error('the simulation measures nothing'));
  }

  compact(): Promise<never> {
    return Promise.reject(new Error('not simulated'));
  }

  #addPoint(point: NewEntryPoint, isHeld = false): void {
    const known = this.#points.get(messageIdHex(point.id)) ?? { ...point, neededSeq: 0, isHeld };
    this.#points.set(messageIdHex(point.id), { ...known, isHeld: known.isHeld || isHeld });
  }

  #dropPoints(isKept: (key: string) => boolean): void {
    const needed = new Map<string, number>();
    for (const { seq, bytes } of this.#log) {
      for (const parent of decodeMessage(bytes).parents) needed.set(messageIdHex(parent), seq);
    }
    for (const [key, point] of this.#points) {
      const neededSeq = needed.get(key) ?? 0;
      if (neededSeq === 0 && !point.isHeld && !isKept(key)) this.#points.delete(key);
      else this.#points.set(key, { ...point, neededSeq });
    }
  }

  readEntryPoints({ afterId, limit }: IdPage): Promise<readonly StandingPoint[]> {
    const after = afterId === undefined ? '' : messageIdHex(afterId);
    const keys = [...this.#points.keys()].filter((key) => key > after).toSorted();
    return Promise.resolve(
      keys.slice(0, limit).flatMap((key) => {
        const point = this.#points.get(key);
        return point === undefined ? [] : this.#recordOf(key, point);
      }),
    );
  }

  #recordOf(key: string, point: EntryPointRecord): StandingPoint {
    const firstChildMs = this.#firstChildMs.get(key);
    const [oldest] = this.cutSeq === 0 ? [] : this.#log;
    const closedBeforeMs = (oldest?.arrivalMs ?? -Infinity) - this.#maxParentAgeMs;
    const isOld = (firstChildMs ?? Infinity) < closedBeforeMs;
    return { ...point, firstChildMs, isClosed: !point.isHeld && (point.isLazy || isOld) };
  }

  isHeld(key: string): boolean {
    return this.#held.includes(messageIdHex(idOfText(key)));
  }

  adoptEntryPoints(points: readonly NewEntryPoint[]): Promise<void> {
    for (const point of points) {
      this.#addPoint(point, true);
      const key = messageIdHex(point.id);
      if (point.firstChildMs !== undefined && !this.#firstChildMs.has(key)) {
        this.#firstChildMs.set(key, point.firstChildMs);
      }
    }
    return Promise.resolve();
  }

  dropEmptyBoundary(): Promise<void> {
    for (const [key, { isHeld }] of this.messageCount > 0 ? [] : this.#points) {
      if (isHeld && key !== messageIdHex(genesisId)) this.#points.delete(key);
    }
    return Promise.resolve();
  }

  releaseEntryPoints(): Promise<void> {
    const isAnyHeld = [...this.#points.values()].some(({ isHeld }) => isHeld);
    for (const [key, point] of this.#points) this.#points.set(key, { ...point, isHeld: false });
    if (isAnyHeld) this.#dropPoints((key) => this.#held.includes(key) || this.#mayBeTip(key));
    return Promise.resolve();
  }

  #mayBeTip(key: string): boolean {
    return !this.#firstChildMs.has(key) && key !== messageIdHex(genesisId);
  }

  hold(ids: readonly MessageId[]): Disposable {
    const held = ids.map(messageIdHex);
    this.#held.push(...held);
    return {
      [Symbol.dispose]: () => {
        for (const key of held.splice(0)) this.#held.splice(this.#held.indexOf(key), 1);
      },
    };
  }

  facts(ids: readonly MessageId[]): Promise<readonly (Facts | undefined)[]> {
    return Promise.resolve(ids.map((id) => this.#factsOf(id)));
  }

  #factsOf(id: MessageId): Facts | undefined {
    const key = messageIdHex(id);
    const point = this.#points.get(key);
    const stored = this.get(id);
    if (stored === undefined && point === undefined) return undefined;
    const isEntryPoint = point !== undefined;
    const isLazy = (stored ?? point)?.isLazy ?? false;
    const { seq, arrivalMs } = stored ?? { seq: 0, arrivalMs: 0 };
    const firstChildMs = this.#firstChildMs.get(key);
    const isClosed =
      stored === undefined && point !== undefined && this.#recordOf(key, point).isClosed;
    return { seq, arrivalMs, isLazy, firstChildMs, isEntryPoint, isClosed };
  }

  get(id: MessageId): StoredMessage | undefined {
    return this.#log[(this.#seqs.get(messageIdHex(id)) ?? 0) - 1 - this.cutSeq];
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
    const first = Math.max(0, fromSeq - 1 - this.cutSeq);
    return Promise.resolve(this.#log.slice(first, first + limit));
  }

  readLogBackwards({ beforeSeq, limit }: BackwardsPage): Promise<readonly StoredMessage[]> {
    const end = Math.max(0, Math.min(this.#log.length, beforeSeq - 1 - this.cutSeq));
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
