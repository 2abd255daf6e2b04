// Children that stand far above their parents have a list of their own besides: so a cut need not look at all
// children to know who is named from far above.
import { encodeNumber, indexSpaces } from './layout.ts';
import type { KeyRange } from './layout.ts';

/** Numbers between a parent and the last child that is not far. */
export const farDistance = 4_096;

export function isFarChild(parentSeq: number, childSeq: number): boolean {
  return parentSeq > 0 && childSeq - parentSeq > farDistance;
}

export function farKey(parentSeq: number, childSeq: number): Buffer {
  const prefix = Buffer.of(indexSpaces.far.prefix);
  return Buffer.concat([prefix, encodeNumber(parentSeq), encodeNumber(childSeq)]);
}

/** All far children of the parents `firstSeq` to `lastSeq`. */
export function farRange(firstSeq: number, lastSeq: number): KeyRange {
  return { gte: farKey(firstSeq, 0), lt: farKey(lastSeq + 1, 0) };
}
