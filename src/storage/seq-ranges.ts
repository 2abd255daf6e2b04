// Sequence numbers in a report: as ranges, and never more of them than a person reads.
export const maxRanges = 1_000;

export class SeqRanges {
  /** The first `maxRanges` of them, ascending, both ends included. */
  readonly ranges: [firstSeq: number, lastSeq: number][] = [];
  /** Of all. */
  count = 0;

  /** Takes them in ascending order. */
  add(firstSeq: number, lastSeq = firstSeq): void {
    if (lastSeq < firstSeq) return;
    this.count += lastSeq - firstSeq + 1;
    const newest = this.ranges.at(-1);
    if (newest !== undefined && newest[1] === firstSeq - 1) newest[1] = lastSeq;
    else if (this.ranges.length < maxRanges) this.ranges.push([firstSeq, lastSeq]);
  }
}
