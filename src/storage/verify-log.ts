// The log by itself, message by message in its order, and each message in the index.
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId, messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { Message } from '../protocol/message.ts';
import type { Database } from './database.ts';
import { countMessages, isSuccessor } from './epochs.ts';
import {
  childKey,
  decodeNumber,
  decodeRecord,
  hasProvenBytes,
  idKey,
  idText,
  indexationKey,
  logSpaces,
  messageKey,
  seqOfKey,
  spaceRange,
} from './layout.ts';
import { RecentSeqs } from './recent-seqs.ts';
import { salvage } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import type { StoredMessage } from './store.ts';
import { manyOr, noteUnreadable } from './verify-state.ts';
import type { VerifiedState } from './verify-state.ts';

const genesisKey = idText(genesisId);

export interface Verified {
  readonly messageCount: number;
  readonly lastSeq: number;
  /** What the index must have of these messages, no less and no more. */
  readonly expected: { ids: number; children: number; indexation: number };
}

interface Item {
  readonly record: StoredMessage;
  readonly message: Message;
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
  readonly expected = { ids: 0, children: 0, indexation: 0 };
  messageCount = 0;
  lastSeq: number;
  #lastArrivalMs = 0;

  constructor(state: VerifiedState) {
    this.#state = state;
    this.lastSeq = state.cutSeq;
  }

  async take(page: readonly (readonly [Buffer, Buffer])[]): Promise<void> {
    const items = page.flatMap(([key, value]) => this.#next(key, value) ?? []);
    await this.#recall(items);
    for (const { record } of items) this.#recent.add(idText(record.id), record.seq);
    const indexed = items.filter(({ record }) => record.seq <= this.#state.indexedUpToSeq);
    await this.#verifyIndexed(indexed, this.#verifyParents(items));
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
    for (const [key, seq] of await located([...unknown.values()], indexDb, this.#state)) {
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
    const { findings, entryPoints, indexDb } = this.#state;
    const key = idText(parent);
    const parentSeq = this.#recent.get(key);
    const point = entryPoints.get(key);
    const what = `number ${seq} names ${messageIdHex(parent)}`;
    if (parentSeq !== undefined && parentSeq < seq) return parentSeq;
    if (point === undefined) {
      if (parentSeq !== undefined) findings.faults.add('parent-later', what);
      else if (indexDb === undefined) findings.notes.add('parents-unchecked');
      else findings.faults.add('parent-missing', what);
      return undefined;
    }
    // Of the genesis the index tells.
    if (key === genesisKey) return 0;
    if (point.neededSeq < seq) findings.faults.add('entry-point', what);
    return undefined;
  }

  async #verifyIndexed(
    items: readonly Item[],
    parentSeqs: ReadonlyMap<number, readonly number[]>,
  ): Promise<void> {
    const { indexDb, findings } = this.#state;
    if (indexDb === undefined) return;
    const { faults } = findings;
    const seqs = await manyOr(
      indexDb,
      items.map(({ record }) => idKey(record.id)),
      this.#state,
    );
    for (const [position, { record }] of items.entries()) {
      const found = seqs[position];
      if (found === undefined) faults.add('id-missing', `number ${record.seq}`);
      else if (decodeNumber(found) !== record.seq) faults.add('id-wrong', `number ${record.seq}`);
    }
    this.expected.ids += items.length;
    const children = items.flatMap(({ record }) =>
      (parentSeqs.get(record.seq) ?? []).map((parentSeq) => ({ parentSeq, record })),
    );
    const childKeys = children.map(({ parentSeq, record: { isLazy, seq } }) =>
      childKey(parentSeq, isLazy, seq),
    );
    const known = await manyOr(indexDb, childKeys, this.#state);
    for (const [position, { parentSeq, record }] of children.entries()) {
      const what = `number ${record.seq} of parent ${parentSeq}`;
      if (known[position] === undefined) faults.add('child-missing', what);
    }
    this.expected.children += children.length;
    await this.#verifyIndexation(indexDb, items);
  }

  async #verifyIndexation(indexDb: Database, items: readonly Item[]): Promise<void> {
    const keyed = items.flatMap(({ record, message }) => {
      const indexKey = indexKeyOf(message);
      return indexKey === undefined ? [] : [{ record, key: indexationKey(indexKey, record.seq) }];
    });
    const ids = await manyOr(
      indexDb,
      keyed.map(({ key }) => key),
      this.#state,
    );
    for (const [position, { record }] of keyed.entries()) {
      const id = ids[position];
      if (id !== undefined && Buffer.compare(id, record.id) === 0) continue;
      this.#state.findings.faults.add('indexation-missing', `number ${record.seq}`);
    }
    this.expected.indexation += keyed.length;
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

/** Where the log has these, by `idText`. */
async function located(
  ids: readonly MessageId[],
  indexDb: Database,
  state: VerifiedState,
): Promise<readonly [key: string, seq: number][]> {
  const seqs = await manyOr(indexDb, ids.map(idKey), state);
  const hits = ids.flatMap((id, position): [string, number][] => {
    const value = seqs[position];
    return value === undefined ? [] : [[idText(id), decodeNumber(value)]];
  });
  const values = await manyOr(
    state.logDb,
    hits.map(([, seq]) => messageKey(seq)),
    state,
  );
  return hits.filter(([key, seq], position) => {
    const value = values[position];
    if (value === undefined || seq <= state.cutSeq) return false;
    const record = decodeRecord(seq, value);
    // Of a damaged one it was said that it is damaged.
    return record === undefined || idText(record.id) === key;
  });
}
