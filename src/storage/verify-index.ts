// What the index has too much. That it has all that it must is asked message by message before: so each key
// space needs only be counted.
import { decodeMessage } from '../protocol/codec.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Database } from './database.ts';
import { isGiven } from './epochs.ts';
import type { FaultKind } from './findings.ts';
import {
  decodeNumber,
  decodePending,
  idKey,
  idOfKey,
  indexSpaces,
  parentOfChildKey,
  pinKey,
  seqOfKey,
  spaceRange,
} from './layout.ts';
import { hasProvenBytes } from './record-layout.ts';
import { salvage } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import type { Verified } from './verify-log.ts';
import type { VerifiedState } from './verify-state.ts';

type Counted = keyof Verified['expected'];
type Entry = readonly [key: Buffer, value: Buffer];

export async function verifyIndex(
  state: VerifiedState,
  verified: Verified,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const { indexDb, findings } = state;
  if (indexDb === undefined) return;
  const report = { isUnreadable: false };
  const { ids, children, far, indexation } = verified.expected;
  const total = ids + children + far + indexation;
  const counter = new Counter(state, verified, (done) => onProgress(done, Math.max(total, done)));
  for (const space of ['ids', 'children', 'far', 'indexation'] as const) {
    await counter.count(indexDb, space, report);
  }
  await verifyPending(indexDb, state, report);
  await walkStrays(indexDb, state, report);
  if (report.isUnreadable && !findings.faults.has('index-unreadable')) {
    findings.faults.add('index-unreadable');
  }
}

class Counter {
  readonly #state: VerifiedState;
  readonly #verified: Verified;
  readonly #onProgress: (done: number) => void;
  #done = 0;

  constructor(state: VerifiedState, verified: Verified, onProgress: (done: number) => void) {
    this.#state = state;
    this.#verified = verified;
    this.#onProgress = onProgress;
  }

  async count(db: Database, space: Counted, report: SalvageReport): Promise<void> {
    const { faults, notes } = this.#state.findings;
    let liveCount = 0;
    for await (const page of salvage(db, spaceRange(indexSpaces[space]), report)) {
      const keptSeqs = await this.#keptIn(space, page);
      for (const [key, value] of page) {
        if (this.#isLive(space, [key, value], keptSeqs)) liveCount += 1;
        else if (!this.#isUnswept(space, key, value)) notes.add('index-stale');
      }
      this.#done += page.length;
      this.#onProgress(this.#done);
    }
    // What belongs to a message that cannot be read nobody can count.
    if (faults.has('record-damaged', 'record-invalid', 'gap', 'log-unreadable')) {
      notes.add('surplus-unchecked');
      return;
    }
    const missing = {
      ids: 'id-missing',
      children: 'child-missing',
      far: 'far-child-missing',
      indexation: 'indexation-missing',
    } as const;
    const missingCount = this.#countOf(missing[space]);
    const surplus = liveCount + missingCount - this.#verified.expected[space];
    if (surplus > 0) faults.add(`${space}-surplus`, undefined, surplus);
  }

  #countOf(kind: FaultKind): number {
    return this.#state.findings.faults.list().find((found) => found.kind === kind)?.count ?? 0;
  }

  /** Of the seqs below the cut, those that are kept for pins. */
  async #keptIn(space: Counted, page: readonly Entry[]): Promise<ReadonlySet<number>> {
    const { cutSeq, indexedUpToSeq, logDb } = this.#state;
    const highestSeq = Math.min(cutSeq, indexedUpToSeq);
    const seqs = page.flatMap((entry) => seqsOf(space, entry)).filter((seq) => seq <= highestSeq);
    if (seqs.length === 0) return new Set();
    const found = await logDb.hasMany(seqs.map(pinKey)).catch(() => []);
    return new Set(seqs.filter((_, position) => found[position]));
  }

  /** Points at messages that are there and that the index must know. */
  #isLive(space: Counted, entry: Entry, keptSeqs: ReadonlySet<number>): boolean {
    const seqs = seqsOf(space, entry);
    return seqs.length > 0 && seqs.every((seq) => this.#isThere(seq) || keptSeqs.has(seq));
  }

  /** Of what was pruned: a sweep removes it. */
  #isUnswept(space: Counted, key: Buffer, value: Buffer): boolean {
    const { cutSeq } = this.#state;
    if (space === 'ids') return value.length === 8 && decodeNumber(value) <= cutSeq;
    if (space === 'indexation') return seqOfKey(key) <= cutSeq;
    return (parentOfChildKey(key) || seqOfKey(key)) <= cutSeq;
  }

  #isThere(seq: number): boolean {
    const { cutSeq, epochs, indexedUpToSeq } = this.#state;
    const lastSeq = Math.min(this.#verified.lastSeq, indexedUpToSeq);
    return seq > cutSeq && seq <= lastSeq && isGiven(epochs, seq);
  }
}

/** The messages that an entry points at; the genesis is none. */
function seqsOf(space: Counted, [key, value]: Entry): number[] {
  if (space === 'ids') return value.length === 8 ? [decodeNumber(value)] : [];
  if (space === 'indexation') return [seqOfKey(key)];
  const parentSeq = parentOfChildKey(key);
  return parentSeq === 0 ? [seqOfKey(key)] : [seqOfKey(key), parentSeq];
}

async function verifyPending(
  db: Database,
  { findings, cutSeq }: VerifiedState,
  report: SalvageReport,
): Promise<void> {
  const isStored = async (id: MessageId): Promise<boolean> => {
    const value = await db.get(idKey(id)).catch(() => undefined);
    // One that was pruned may wait to come again.
    return value !== undefined && decodeNumber(value) > cutSeq;
  };
  for await (const page of salvage(db, spaceRange(indexSpaces.pending), report)) {
    for (const [key, value] of page) {
      if (!isPending(key, value)) {
        findings.faults.add('pending-damaged', key.subarray(1).toString('hex'));
      } else if (await isStored(idOfKey(key))) {
        findings.notes.add('pending-stored');
      }
    }
  }
}

function isPending(key: Buffer, value: Buffer): boolean {
  if (key.length !== idKeyBytes || value.length < 8) return false;
  const record = decodePending(idOfKey(key), value);
  if (!hasProvenBytes(record)) return false;
  try {
    decodeMessage(record.bytes);
    return true;
  } catch {
    return false;
  }
}

const idKeyBytes = 33;

async function walkStrays(
  db: Database,
  { findings }: VerifiedState,
  report: SalvageReport,
): Promise<void> {
  const prefixes = Object.values(indexSpaces).map(({ prefix }) => prefix);
  const around = [
    { gte: Buffer.of(), lt: Buffer.of(Math.min(...prefixes)) },
    { gte: Buffer.of(Math.max(...prefixes) + 1), lt: Buffer.alloc(64, 0xff) },
  ];
  for (const range of around) {
    for await (const page of salvage(db, range, report)) {
      for (const [key] of page) findings.faults.add('index-stray', key.toString('hex'));
    }
  }
}
