// Lists in strictly ascending byte order. That order is what gives a set of parents, inputs or keys its one form.
import type { ErrorCode } from '../errors.ts';
import { compareBytes } from './bytes.ts';
import type { ByteReader, ByteWriter, CountRule } from './bytes.ts';

export interface OrderRule {
  readonly notSorted: ErrorCode;
  readonly notUnique: ErrorCode;
}

export interface HashListRule {
  readonly count: CountRule;
  readonly order: OrderRule;
}

const hashBytes = 32;

/** Makes a check to be called with the bytes of each element in turn. */
export function ascendingCheck(reader: ByteReader, rule: OrderRule): (element: Uint8Array) => void {
  let previous: Uint8Array | undefined;
  return (element) => {
    if (previous !== undefined) {
      const order = compareBytes(previous, element);
      if (order > 0) throw reader.error(rule.notSorted);
      if (order === 0) throw reader.error(rule.notUnique);
    }
    previous = element;
  };
}

/** A count of one byte, then that many hashes or keys of 32 bytes. */
export function readHashes(reader: ByteReader, rule: HashListRule): Uint8Array[] {
  const count = reader.count8(rule.count);
  reader.ensure(count * hashBytes);
  const checkOrder = ascendingCheck(reader, rule.order);
  const hashes: Uint8Array[] = [];
  for (let position = 0; position < count; position++) {
    const hash = reader.bytes(hashBytes);
    checkOrder(hash);
    hashes.push(hash);
  }
  return hashes;
}

export function writeHashes(
  writer: ByteWriter,
  hashes: readonly Uint8Array[],
  rule: HashListRule,
): void {
  writer.count8(hashes.length, rule.count);
  for (const hash of hashes) writer.fixed(hash, hashBytes);
}
