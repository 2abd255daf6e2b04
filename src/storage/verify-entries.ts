// Whether the index has what it must have of messages: by id, by parent, by indexation key.
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { Message } from '../protocol/message.ts';
import type { Database } from './database.ts';
import { farKey, isFarChild } from './far-layout.ts';
import { childKey, decodeNumber, idKey, indexationKey, recordKey } from './layout.ts';
import { decodeRecord } from './record-layout.ts';
import type { StoredMessage } from './store.ts';
import { manyOr } from './verify-state.ts';
import type { VerifiedState } from './verify-state.ts';

/** A message that proves itself. */
export interface Item {
  readonly record: StoredMessage;
  readonly message: Message;
}

export interface EntryCounts {
  ids: number;
  children: number;
  far: number;
  indexation: number;
}

export class EntryCheck {
  readonly #state: VerifiedState;
  readonly expected: EntryCounts = { ids: 0, children: 0, far: 0, indexation: 0 };

  constructor(state: VerifiedState) {
    this.#state = state;
  }

  /** `parentSeqs`: the seqs under which the index must know each as a child. */
  async verify(
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
    this.expected.ids += items.length;
    for (const [position, { record }] of items.entries()) {
      const found = seqs[position];
      if (found === undefined) faults.add('id-missing', `number ${record.seq}`);
      else if (decodeNumber(found) !== record.seq) await this.#judgeId(record, decodeNumber(found));
    }
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
    await this.#verifyFar(indexDb, children);
    await this.#verifyIndexation(indexDb, items);
  }

  /** The index leads elsewhere: it must be to a newer message whose id begins alike. */
  async #judgeId(record: StoredMessage, foundSeq: number): Promise<void> {
    const { logDb, cutSeq, findings } = this.#state;
    const what = `number ${record.seq}`;
    const [value] = await manyOr(logDb, [recordKey(foundSeq, cutSeq)], this.#state);
    const other = value && decodeRecord(foundSeq, value);
    const isHidden = other !== undefined && foundSeq > record.seq && beginAlike(other, record);
    if (!isHidden) {
      findings.faults.add('id-wrong', what);
      return;
    }
    this.expected.ids -= 1;
    findings.notes.add('id-hidden', what);
  }

  async #verifyFar(
    indexDb: Database,
    children: readonly { readonly parentSeq: number; readonly record: StoredMessage }[],
  ): Promise<void> {
    const far = children.filter(({ parentSeq, record }) => isFarChild(parentSeq, record.seq));
    const keys = far.map(({ parentSeq, record }) => farKey(parentSeq, record.seq));
    const known = await manyOr(indexDb, keys, this.#state);
    for (const [position, { parentSeq, record }] of far.entries()) {
      if (known[position] !== undefined) continue;
      const what = `number ${record.seq} of parent ${parentSeq}`;
      this.#state.findings.faults.add('far-child-missing', what);
    }
    this.expected.far += far.length;
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
}

function beginAlike(a: StoredMessage, b: StoredMessage): boolean {
  return Buffer.compare(a.id, b.id) !== 0 && Buffer.compare(idKey(a.id), idKey(b.id)) === 0;
}

/** Where the log has these, or keeps them below the cut, by `idText`. The index is believed only then. */
export async function located(
  ids: readonly MessageId[],
  state: VerifiedState,
): Promise<readonly [key: string, seq: number][]> {
  if (state.indexDb === undefined) return [];
  const seqs = await manyOr(state.indexDb, ids.map(idKey), state);
  const hits = ids.flatMap((id, position): [string, number][] => {
    const value = seqs[position];
    return value === undefined ? [] : [[idText(id), decodeNumber(value)]];
  });
  const values = await manyOr(
    state.logDb,
    hits.map(([, seq]) => recordKey(seq, state.cutSeq)),
    state,
  );
  return hits.filter(([key, seq], position) => {
    const value = values[position];
    if (value === undefined) return false;
    const record = decodeRecord(seq, value);
    // Of a damaged one it was said that it is damaged.
    return record === undefined || idText(record.id) === key;
  });
}
