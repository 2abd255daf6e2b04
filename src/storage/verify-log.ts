// The log by itself, message by message in its order, and each message in the index.
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId, idText, messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import { countMessages, isSuccessor } from './epochs.ts';
import { logSpaces, messageKey, seqOfKey, spaceRange } from './layout.ts';
import { RecentSeqs } from './recent-seqs.ts';
import { decodeRecord, hasProvenBytes } from './record-layout.ts';
import { salvage } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import type { StoredMessage } from './store.ts';
import { EntryCheck, located } from './verify-entries.ts';
import type { EntryCounts, Item } from './verify-entries.ts';
import { noteUnreadable } from './verify-state.ts';
import type { VerifiedState } from './verify-state.ts';

const genesisKey = idText(genesisId);

export interface Verified {
  readonly messageCount: number;
  readonly lastSeq: number;
  /** What the index must have of these messages, no less and no more. */
  readonly expected: EntryCounts;
}

export async function verifyLog(
  state: VerifiedState,
  onProgress: (done: number, total: number) => void,
): Promise<Verified> {
  const walk = new LogWalk(state);
  const report = { isUnreadable: false };
  const { epochs, cutSeq } = state;
  for await (const page of salvage(state.logDb, spaceRange(logSpaces.messages), report)) {
    await walk.take(page);
    const lastSeq = Math.max(walk.lastSeq, state.indexedUpToSeq);
    onProgress(walk.messageCount, countMessages(epochs, { afterSeq: cutSeq, upToSeq: lastSeq }));
  }
  await walkStrays(state, report);
  noteUnreadable(report, state.findings);
  walk.end();
  return walk;
}

async function walkStrays(
  { logDb, findings }: VerifiedState,
  report: SalvageReport,
): Promise<void> {
  const prefixes = Object.values(logSpaces).map(({ prefix }) => prefix);
  const around = [
    { gte: Buffer.of(), lt: Buffer.of(Math.min(...prefixes)) },
    { gte: Buffer.of(Math.max(...prefixes) + 1), lt: Buffer.alloc(64, 0xff) },
  ];
  for (const range of around) {
    for await (const page of salvage(logDb, range, report)) {
      for (const [key] of page) findings.faults.add('log-stray', key.toString('hex'));
    }
  }
}

class LogWalk implements Verified {
  readonly #state: VerifiedState;
  readonly #recent = new RecentSeqs();
  readonly #entries: EntryCheck;
  messageCount = 0;
  lastSeq: number;
  #lastArrivalMs = 0;

  constructor(state: VerifiedState) {
    this.#state = state;
    this.#entries = new EntryCheck(state);
    this.lastSeq = state.cutSeq;
  }

  get expected(): Verified['expected'] {
    return this.#entries.expected;
  }

  async take(page: readonly (readonly [Buffer, Buffer])[]): Promise<void> {
    const items = page.flatMap(([key, value]) => this.#next(key, value) ?? []);
    await this.#recall(items);
    for (const { record } of items) this.#recent.add(idText(record.id), record.seq);
    const indexed = items.filter(({ record }) => record.seq <= this.#state.indexedUpToSeq);
    await this.#entries.verify(indexed, this.#verifyParents(items));
  }

  #next(key: Buffer, value: Buffer): Item | undefined {
    const { faults, notes } = this.#state.findings;
    if (key.length !== messageKey(0).length) {
      faults.add('log-stray', key.toString('hex'));
      return undefined;
    }
    const seq = seqOfKey(key);
    if (seq <= this.#state.cutSeq) {
      notes.add('below-cut');
      return undefined;
    }
    if (!isSuccessor(this.#state.epochs, seq, this.lastSeq)) {
      faults.add('gap', `after number ${this.lastSeq}`, seq - this.lastSeq - 1);
    }
    this.lastSeq = seq;
    this.messageCount += 1;
    const record = decodeRecord(seq, value);
    if (record === undefined || !hasProvenBytes(record)) {
      faults.add('record-damaged', `number ${seq}`);
      return undefined;
    }
    if (record.arrivalMs < this.#lastArrivalMs) faults.add('arrival-order', `number ${seq}`);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, record.arrivalMs);
    const message = this.#decode(record);
    return message && { record, message };
  }

  #decode({ seq, bytes }: StoredMessage): Message | undefined {
    try {
      const message = decodeMessage(bytes);
      if (message.networkId === this.#state.network.id) return message;
    } catch {
      // The same fault.
    }
    this.#state.findings.faults.add('record-invalid', `number ${seq}`);
    return undefined;
  }

  /** Old parents by the index, which is believed only when the log has that message there. */
  async #recall(items: readonly Item[]): Promise<void> {
    const { indexDb } = this.#state;
    if (indexDb === undefined) return;
    const own = new Set(items.map(({ record }) => idText(record.id)));
    const unknown = new Map<string, MessageId>();
    for (const parent of items.flatMap(({ message }) => message.parents)) {
      const key = idText(parent);
      if (!own.has(key) && this.#recent.get(key) === undefined) unknown.set(key, parent);
    }
    for (const [key, seq] of await located([...unknown.values()], this.#state)) {
      this.#recent.add(key, seq);
    }
  }

  /** The seqs under which the index must know each message as a child. */
  #verifyParents(items: readonly Item[]): ReadonlyMap<number, readonly number[]> {
    const parentSeqs = new Map<number, readonly number[]>();
    for (const { record, message } of items) {
      parentSeqs.set(
        record.seq,
        message.parents.flatMap((parent) => this.#parentSeq(record, parent) ?? []),
      );
    }
    return parentSeqs;
  }

  #parentSeq({ seq }: StoredMessage, parent: MessageId): number | undefined {
    const { findings, entryPoints, cutSeq } = this.#state;
    const key = idText(parent);
    const parentSeq = this.#recent.get(key) ?? 0;
    const what = `number ${seq} names ${messageIdHex(parent)}`;
    const isStored = parentSeq > cutSeq;
    if (isStored && parentSeq < seq) return parentSeq;
    const point = entryPoints.get(key);
    if (point === undefined) {
      this.#tellNotSolid(isStored, what);
      return undefined;
    }
    // Of the genesis the index tells.
    if (key === genesisKey) return 0;
    if (point.neededSeq < seq) findings.faults.add('entry-point', what);
    // One that is kept below the cut has its children in the index.
    return isStored || parentSeq === 0 ? undefined : parentSeq;
  }

  #tellNotSolid(isStored: boolean, what: string): void {
    const { faults, notes } = this.#state.findings;
    if (isStored) faults.add('parent-later', what);
    else if (this.#state.indexDb === undefined) notes.add('parents-unchecked');
    else faults.add('parent-missing', what);
  }

  /** Of what the index knew of the end. */
  end(): void {
    const { indexDb, indexedUpToSeq, findings } = this.#state;
    if (indexDb === undefined) return;
    if (indexedUpToSeq < this.lastSeq) findings.notes.add('index-behind');
    if (indexedUpToSeq > this.lastSeq) {
      findings.faults.add('gap', `after number ${this.lastSeq}`, indexedUpToSeq - this.lastSeq);
    }
  }
}
