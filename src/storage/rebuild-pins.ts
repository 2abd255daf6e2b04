// The pins of a log that is made anew: what is pinned, and what is kept below the cut for it.
import { decodeMessage } from '../protocol/codec.ts';
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { commit } from './database.ts';
import type { Batch, Database } from './database.ts';
import { entriesOf } from './entries.ts';
import { carries } from './index-entry.ts';
import type { Index } from './index.ts';
import type { KeptTotals } from './pin-layout.ts';
import { Pins } from './pins.ts';
import { recordBytes } from './record-layout.ts';
import { isPinned } from './salvage-pins.ts';
import type { Refused, RebuildSource } from './rebuild.ts';
import type { StoredMessage } from './store.ts';

const page = { limit: 1_000, maxBytes: 4 * 1024 * 1024 };

interface Made {
  readonly log: Database;
  readonly index: Index;
}

type Source = Pick<RebuildSource, 'cutSeq' | 'network' | 'isLenient'>;

export class RebuiltPins {
  readonly #made: Made;
  readonly #source: Source;
  readonly #pins: Pins;

  private constructor(made: Made, source: Source, pins: Pins) {
    this.#made = made;
    this.#source = source;
    this.#pins = pins;
  }

  static async open(made: Made, source: RebuildSource): Promise<RebuiltPins> {
    const { ids, indexKeys } = source.pinned;
    const pins = await Pins.open(made.log);
    const batch = made.log.batch();
    const done = pins.stage(batch, {
      ids: new Map([...ids].map(([key, { sizeBytes }]) => [key, { keptSeq: 0, sizeBytes }])),
      indexKeys: new Map([...indexKeys].map((key) => [key, 'pinned'])),
    });
    await commit(batch, { sync: false });
    done();
    return new RebuiltPins(made, source, pins);
  }

  get kept(): KeptTotals {
    return this.#pins.kept;
  }

  /** What is kept below the cut, in any order; before any message above it is added. */
  async add(records: readonly StoredMessage[]): Promise<Refused | undefined> {
    const { cutSeq, network, isLenient } = this.#source;
    const ofOthers = records.find((record) => networkOf(record) !== network.id);
    if (ofOthers !== undefined && !isLenient) return { record: ofOthers, reason: 'other network' };
    // In a backup: unpinned while it was written.
    const keep = records.filter(
      (record) =>
        record.seq <= cutSeq && networkOf(record) === network.id && isPinned(this.#pins, record),
    );
    const batch = this.#made.log.batch();
    const kept = this.#pins.stage(batch, { keep });
    await commit(batch, { sync: false });
    kept();
    return undefined;
  }

  /** After the last of them: oldest first, for children are found by the seqs of their parents. */
  async index(): Promise<Refused | undefined> {
    const { index } = this.#made;
    let fromSeq = 0;
    for (;;) {
      const records = await this.#pins.read({ ...page, fromSeq });
      const last = records.at(-1);
      if (last === undefined) return undefined;
      const ids = records.map(({ id }) => id);
      const isNew = new Set(ids.map(idText)).size === ids.length;
      if (((await this.#isKnown(ids)) || !isNew) && !this.#source.isLenient)
        return { record: last, reason: 'repeated' };
      await index.add(await entriesOf(records, { index }));
      fromSeq = last.seq + 1;
    }
  }

  async #isKnown(ids: readonly MessageId[]): Promise<boolean> {
    const seqs = await this.#made.index.locate(ids);
    const records = await this.#pins.getMany(seqs.map((seq = 0) => seq));
    return ids.some((id, position) => carries(records[position], id));
  }

  /** Of messages above the cut: those that are pinned by id count already. */
  note(batch: Batch, records: readonly StoredMessage[]): () => void {
    const ids = new Map(
      records
        .map((record): [string, StoredMessage] => [idText(record.id), record])
        .filter(([key]) => this.#pins.ids.has(key))
        .map(([key, record]) => [key, { keptSeq: 0, sizeBytes: recordBytes(record) }]),
    );
    return this.#pins.stage(batch, { ids });
  }
}

const networkOf = ({ bytes }: StoredMessage): bigint => decodeMessage(bytes).networkId;
