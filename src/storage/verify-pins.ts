// What is kept below the cut for pins, message by message, and each in the index.
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId, idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { logSpaces, spaceRange } from './layout.ts';
import { recordBytes } from './record-layout.ts';
import { salvage } from './salvage.ts';
import { isPinned, provenPin } from './salvage-pins.ts';
import type { StoredMessage } from './store.ts';
import { EntryCheck, located } from './verify-entries.ts';
import type { EntryCounts, Item } from './verify-entries.ts';
import { noteUnreadable } from './verify-state.ts';
import type { VerifiedState } from './verify-state.ts';

const genesisKey = idText(genesisId);

/** Adds to `expected` what the index must have of what is kept. */
export async function verifyPins(state: VerifiedState, expected: EntryCounts): Promise<void> {
  const walk = new PinWalk(state);
  const report = { isUnreadable: false };
  for await (const page of salvage(state.logDb, spaceRange(logSpaces.pins), report)) {
    await walk.take(page);
  }
  noteUnreadable(report, state.findings);
  walk.end();
  for (const space of ['ids', 'children', 'far', 'indexation'] as const) {
    expected[space] += walk.expected[space];
  }
}

class PinWalk {
  readonly #state: VerifiedState;
  readonly #entries: EntryCheck;
  readonly #found = new Set<string>();
  #messageCount = 0;
  #sizeBytes = 0;

  constructor(state: VerifiedState) {
    this.#state = state;
    this.#entries = new EntryCheck(state);
  }

  get expected(): EntryCounts {
    return this.#entries.expected;
  }

  async take(page: readonly (readonly [Buffer, Buffer])[]): Promise<void> {
    const items = page.flatMap(([key, value]) => this.#next(key, value) ?? []);
    const indexed = items.filter(({ record }) => record.seq <= this.#state.indexedUpToSeq);
    const parents = new Map<string, MessageId>();
    for (const id of indexed.flatMap(({ message }) => message.parents)) parents.set(idText(id), id);
    const seqs = new Map(await located([...parents.values()], this.#state));
    seqs.set(genesisKey, 0);
    const parentSeqs = indexed.map(({ record: { seq }, message }): [number, number[]] => [
      seq,
      // One that was pruned and came again has a higher number.
      message.parents
        .map((parent) => seqs.get(idText(parent)) ?? seq)
        .filter((parentSeq) => parentSeq < seq),
    ]);
    await this.#entries.verify(indexed, new Map(parentSeqs));
  }

  #next(key: Buffer, value: Buffer): Item | undefined {
    const { faults } = this.#state.findings;
    this.#messageCount += 1;
    const record = provenPin(key, value);
    const message = record && decodeMessage(record.bytes);
    if (record === undefined || message?.networkId !== this.#state.network.id) {
      faults.add('pin-damaged', key.toString('hex'));
      return undefined;
    }
    this.#judge(record);
    return { record, message };
  }

  #judge(record: StoredMessage): void {
    const { findings, cutSeq, pins } = this.#state;
    const key = idText(record.id);
    const what = `number ${record.seq}`;
    this.#sizeBytes += recordBytes(record);
    if (record.seq > cutSeq) findings.faults.add('pin-place', what);
    if (!isPinned(pins, record)) findings.faults.add('pin-unasked', what);
    if (pins.ids.get(key)?.keptSeq === record.seq) this.#found.add(key);
  }

  end(): void {
    const { findings, pins } = this.#state;
    const { faults } = findings;
    // Of what is damaged the bytes are not known.
    if (faults.has('pin-damaged', 'log-unreadable')) return;
    for (const [key, { keptSeq }] of pins.ids) {
      if (keptSeq > 0 && !this.#found.has(key)) faults.add('pin-lost', `number ${keptSeq}`);
    }
    const { messageCount, sizeBytes } = pins.kept;
    if (messageCount !== this.#messageCount || sizeBytes !== this.#sizeBytes) {
      faults.add('pin-count', `${this.#messageCount} messages, ${this.#sizeBytes} bytes`);
    }
  }
}
