// Makes a log and its index anew beside what is there, from records that prove themselves: for restore and
// repair. Nothing of it counts before `finish`, and then all of it does.
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../files.ts';
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId, idOfText, idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import { commit, indexSizes, logBufferBytes } from './database.ts';
import type { Database, OpenDatabase } from './database.ts';
import { Index } from './index.ts';
import { carries } from './index-entry.ts';
import type { IndexEntry } from './index-entry.ts';
import { installRebuilt, rebuildFolder } from './install.ts';
import type { Installed } from './install.ts';
import {
  encodeEntryPoint,
  encodeEpoch,
  encodeNetwork,
  encodeNumber,
  entryPointKey,
  epochKey,
  layoutVersion,
  logStateKey,
  messageKey,
  recordKey,
} from './layout.ts';
import type { Network } from './layout.ts';
import { drawLogId } from './log-state.ts';
import { RebuiltPins } from './rebuild-pins.ts';
import { RecentSeqs } from './recent-seqs.ts';
import { decodeRecord, encodeRecord } from './record-layout.ts';
import type { Pinned } from './salvage-pins.ts';
import type { EntryPoint, PendingRecord, StoredMessage } from './store.ts';

export interface RebuildSource {
  readonly dataDir: string;
  readonly network: Network;
  readonly cutSeq: number;
  /** By `idText`. Those that records name are kept up to date here. */
  readonly entryPoints: Map<string, EntryPoint>;
  readonly pinned: Pinned;
  readonly openDatabase: OpenDatabase;
  readonly cacheBytes: number;
  /** For what was damaged: a parent that is nowhere becomes an entry point, and what comes twice is passed over. */
  readonly isLenient: boolean;
}

/** Parents that are nowhere, or a record that is there already. */
export interface Refused {
  readonly record: StoredMessage;
  readonly reason: 'parent missing' | 'repeated' | 'other network';
}

export interface RebuiltSummary {
  readonly messageCount: number;
  readonly lastSeq: number;
  /** Made entry points, because they are lost and messages name them. */
  readonly adopted: readonly MessageId[];
}

interface Made {
  readonly log: Database;
  readonly indexDb: Database;
  readonly index: Index;
  readonly pins: RebuiltPins;
}

export class Rebuild implements AsyncDisposable {
  readonly #source: RebuildSource;
  readonly #log: Database;
  readonly #index: Index;
  readonly #indexDb: Database;
  /** What it keeps below the cut comes first. */
  readonly pins: RebuiltPins;
  readonly #recent = new RecentSeqs();
  #epoch: { readonly firstSeq: number; readonly logId: Buffer };
  #messageCount = 0;
  #lastSeq: number;
  #lastArrivalMs = 0;
  readonly #adopted: MessageId[] = [];
  #isOpen = true;

  private constructor(source: RebuildSource, made: Made) {
    this.#source = source;
    this.#log = made.log;
    this.#indexDb = made.indexDb;
    this.#index = made.index;
    this.pins = made.pins;
    this.#lastSeq = source.cutSeq;
    this.#epoch = { firstSeq: source.cutSeq + 1, logId: drawLogId() };
  }

  /** What an earlier one left half-made goes. */
  static async open(source: RebuildSource): Promise<Rebuild> {
    const folder = rebuildFolder(source.dataDir);
    await removeMade(folder);
    await makeFolder(folder);
    await using opening = new AsyncDisposableStack();
    const { openDatabase, cacheBytes } = source;
    const log = opening.use(
      await openDatabase(join(folder, 'log'), {
        cacheBytes: cacheBytes / 4,
        writeBufferBytes: logBufferBytes,
      }),
    );
    const indexDb = opening.use(
      await openDatabase(join(folder, 'index'), {
        cacheBytes: cacheBytes / 2,
        ...indexSizes,
      }),
    );
    const index = opening.use(await Index.open(indexDb, cacheBytes / 8));
    await index.learnIds();
    const pins = await RebuiltPins.open({ log, index }, source);
    const rebuild = new Rebuild(source, { log, indexDb, index, pins });
    await index.sweep.begin(source.cutSeq);
    await index.settle(rebuild.#epoch.logId, source.cutSeq);
    const batch = log.batch();
    rebuild.#putEpoch(batch, rebuild.#epoch.firstSeq, source.cutSeq);
    await commit(batch, { sync: false });
    opening.move();
    return rebuild;
  }

  /** At most some thousand, with rising seqs. Stores none when one is refused. */
  async add(records: readonly StoredMessage[]): Promise<Refused | undefined> {
    const decoded = records.map((record) => ({ record, message: decodeMessage(record.bytes) }));
    await this.#recall(decoded.flatMap(({ record, message }) => [record.id, ...message.parents]));
    const batch = this.#log.batch();
    const entries: IndexEntry[] = [];
    const noted = this.pins.note(batch, records);
    for (const { record, message } of decoded) {
      const { seq, id, isLazy } = record;
      if (this.#recent.get(idText(id)) !== undefined) {
        if (this.#source.isLenient) continue;
        return this.#refuse(batch, record, 'repeated');
      }
      if (message.networkId !== this.#source.network.id) {
        return this.#refuse(batch, record, 'other network');
      }
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, record.arrivalMs);
      const stored = { ...record, arrivalMs: this.#lastArrivalMs };
      const parentSeqs = this.#parentSeqs(stored, message.parents);
      if (parentSeqs === undefined) return this.#refuse(batch, record, 'parent missing');
      if (seq !== this.#lastSeq + 1) this.#putEpoch(batch, seq, this.#lastSeq);
      batch.put(messageKey(seq), encodeRecord(stored));
      entries.push({ seq, id, isLazy, parentSeqs, indexKey: indexKeyOf(message) });
      this.#recent.add(idText(id), seq);
      this.#lastSeq = seq;
    }
    await commit(batch, { sync: false });
    noted();
    await this.#index.add(entries);
    this.#messageCount += entries.length;
    return undefined;
  }

  async #refuse(
    batch: ReturnType<Database['batch']>,
    record: StoredMessage,
    reason: Refused['reason'],
  ): Promise<Refused> {
    await batch.close();
    return { record, reason };
  }

  addPending(records: readonly PendingRecord[]): Promise<void> {
    return this.#index.addPending(records);
  }

  /** 0 stands for the genesis. Undefined when one is nowhere. */
  #parentSeqs(child: StoredMessage, parents: readonly MessageId[]): number[] | undefined {
    const seqs: number[] = [];
    for (const id of parents) {
      const key = idText(id);
      const seq = this.#recent.get(key);
      // What is kept below the cut is no parent by itself.
      const isStored = seq !== undefined && seq > this.#source.cutSeq;
      if (!this.#need(key, child, !isStored)) return undefined;
      if (seq !== undefined) seqs.push(seq);
      else if (key === idText(genesisId)) seqs.push(0);
    }
    return seqs;
  }

  /** Notes what a child means to an entry point. False when there must be one and is none. */
  #need(key: string, { seq, isLazy, arrivalMs }: StoredMessage, isNeeded: boolean): boolean {
    const { entryPoints, isLenient } = this.#source;
    const known = entryPoints.get(key);
    if (known === undefined && !isNeeded) return true;
    if (known === undefined && !isLenient) return false;
    if (known === undefined) this.#adopted.push(idOfText(key));
    const point = known ?? { neededSeq: 0, isLazy: false, firstChildMs: undefined, isHeld: false };
    const firstChildMs = point.firstChildMs ?? (isLazy ? undefined : arrivalMs);
    entryPoints.set(key, { ...point, firstChildMs, neededSeq: Math.max(point.neededSeq, seq) });
    return true;
  }

  #putEpoch(batch: ReturnType<Database['batch']>, firstSeq: number, lastSeqBefore: number): void {
    const logId = firstSeq === this.#epoch.firstSeq ? this.#epoch.logId : drawLogId();
    this.#epoch = { firstSeq, logId };
    batch.put(epochKey(firstSeq), encodeEpoch({ firstSeq, logId, lastSeqBefore }));
  }

  // ---- ids ----

  async #recall(ids: readonly MessageId[]): Promise<void> {
    const unknown = ids.filter((id) => this.#recent.get(idText(id)) === undefined);
    const seqs = await this.#index.locate(unknown);
    const hits = unknown.flatMap((id, position) => {
      const seq = seqs[position];
      return seq === undefined ? [] : [{ id, seq }];
    });
    const { cutSeq } = this.#source;
    const values = await this.#log.getMany(hits.map(({ seq }) => recordKey(seq, cutSeq)));
    for (const [position, { id, seq }] of hits.entries()) {
      const value = values[position];
      const record = value && decodeRecord(seq, value);
      if (carries(record, id)) this.#recent.add(idText(id), seq);
    }
  }

  // ---- the end ----

  /**
   * Numbers go on above `seenSeq`. What was made is on the disk and in its place when this resolves; what
   * was there before is kept under the name `keepAs` in the data folder, or goes.
   */
  async finish(end: {
    readonly seenSeq: number;
    readonly keepAs?: string;
  }): Promise<RebuiltSummary> {
    const batch = this.#log.batch();
    const nextSeq = Math.max(end.seenSeq, this.#lastSeq) + 1;
    if (nextSeq > this.#lastSeq + 1) this.#putEpoch(batch, nextSeq, this.#lastSeq);
    for (const [key, point] of this.#source.entryPoints) {
      batch.put(entryPointKey(idOfText(key)), encodeEntryPoint(point));
    }
    const { cutSeq, network } = this.#source;
    batch.put(logStateKey('network'), encodeNetwork(network));
    batch.put(logStateKey('cut'), encodeNumber(cutSeq));
    batch.put(logStateKey('cleared'), encodeNumber(cutSeq));
    batch.put(logStateKey('layout'), encodeNumber(layoutVersion));
    await commit(batch, { sync: true });
    await this.#index.settle(this.#epoch.logId, this.#lastSeq);
    await this.#close();
    const installed: Installed = {
      folders: ['log', 'index'],
      ...(end.keepAs === undefined ? {} : { keepAs: end.keepAs }),
    };
    await installRebuilt(this.#source.dataDir, installed);
    return {
      messageCount: this.#messageCount,
      lastSeq: this.#lastSeq,
      adopted: this.#adopted,
    };
  }

  /** Only the index: it becomes that of the log `logId`, whose messages are just those that were added. */
  async finishIndex(logId: Buffer): Promise<number> {
    await this.#index.settle(logId, this.#lastSeq);
    await this.#close();
    await installRebuilt(this.#source.dataDir, { folders: ['index'] });
    return this.#messageCount;
  }

  /** A compaction of nothing writes what is in memory into tables, which are fsynced. */
  async #close(): Promise<void> {
    const nothing = logStateKey('layout');
    for (const db of [this.#log, this.#indexDb]) await db.compactRange(nothing, nothing);
    await this.#log.close();
    await this.#index[Symbol.asyncDispose]();
    this.#isOpen = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    await this.#log.close();
    await this.#index[Symbol.asyncDispose]();
    const folder = rebuildFolder(this.#source.dataDir);
    await removeMade(folder);
    await rmdir(folder).catch(() => undefined);
  }
}

/** A repair has there what it reads, too. */
async function removeMade(folder: string): Promise<void> {
  for (const name of ['log', 'index', 'finished.new']) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
