// What a cut that looks at the children of many must still see of those that are appended meanwhile.
import type { IndexEntry } from './index-entry.ts';
import type { SeqRange } from './layout.ts';

/** The newest children that appends give to parents in a range, by the seq of the parent. */
export class FamilyWatch implements Disposable {
  readonly newestChild = new Map<number, number>();
  readonly #range: SeqRange;
  readonly #end: () => void;

  constructor(range: SeqRange, end: () => void) {
    this.#range = range;
    this.#end = end;
  }

  see({ seq, parentSeqs }: Pick<IndexEntry, 'seq' | 'parentSeqs'>): void {
    const { firstSeq, lastSeq } = this.#range;
    for (const parentSeq of parentSeqs) {
      if (parentSeq >= firstSeq && parentSeq <= lastSeq) this.newestChild.set(parentSeq, seq);
    }
  }

  [Symbol.dispose](): void {
    this.#end();
  }
}
