// LevelDB's list of its tables: edits one after the other, in the frames of its write-ahead files. The format:
// db/version_edit.cc, doc/log_format.md.
import { ByteCursor, u32, varint } from './byte-cursor.ts';
import { maskedCrc32c } from './crc32c.ts';
import {
  blockBytes,
  broken,
  fragmentHeadBytes,
  fragmentTypes,
  fragmentsOf,
} from './write-ahead.ts';

export interface ListedTable {
  readonly level: number;
  readonly sizeBytes: number;
  /** No key of it lies outside of these. */
  readonly smallest: Buffer;
  readonly largest: Buffer;
}

/** As all edits add up. */
export interface TableList {
  readonly comparator: Buffer;
  /** Write-ahead files from this number on are not in tables yet. */
  readonly logNumber: number;
  /** Above the numbers of all files. */
  readonly nextFile: number;
  /** Of the newest change. */
  readonly lastSequence: number;
  /** By the numbers of their files. */
  readonly tables: ReadonlyMap<number, ListedTable>;
}

const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  prevLogNumber: 9,
} as const;
const numbers = new Set<number>([
  tags.logNumber,
  tags.nextFile,
  tags.lastSequence,
  tags.prevLogNumber,
]);

/** Undefined when it is not to be understood. What is cut off at its end is not there. */
export function decodeManifest(manifest: Buffer): TableList | undefined {
  const reading = new Reading();
  let parts: Buffer[] = [];
  for (const fragment of fragmentsOf(manifest)) {
    if (fragment === broken) return undefined;
    parts.push(fragment.payload);
    if (!fragment.isLast) continue;
    if (!reading.apply(Buffer.concat(parts))) return undefined;
    parts = [];
  }
  return reading.list();
}

class Reading {
  readonly #tables = new Map<number, ListedTable>();
  readonly #numbers = new Map<number, number>();
  #comparator: Buffer | undefined;

  apply(edit: Buffer): boolean {
    const fields = new ByteCursor(edit);
    while (fields.left > 0) {
      if (!this.#field(fields.varint(), fields)) return false;
    }
    return true;
  }

  /** False for what is none. */
  #field(tag: number | undefined, fields: ByteCursor): boolean {
    if (tag === tags.newFile) return this.#add(fields);
    if (tag === tags.deletedFile) return fields.varint() !== undefined && this.#forget(fields);
    if (tag === tags.compactPointer) {
      return fields.varint() !== undefined && fields.text() !== undefined;
    }
    if (tag === tags.comparator) {
      this.#comparator = fields.text();
      return this.#comparator !== undefined;
    }
    return tag !== undefined && numbers.has(tag) && this.#note(tag, fields.varint());
  }

  #note(tag: number, value: number | undefined): boolean {
    if (value !== undefined) this.#numbers.set(tag, value);
    return value !== undefined;
  }

  #forget(fields: ByteCursor): boolean {
    const number = fields.varint();
    if (number !== undefined) this.#tables.delete(number);
    return number !== undefined;
  }

  #add(fields: ByteCursor): boolean {
    const [level, number, sizeBytes] = [fields.varint(), fields.varint(), fields.varint()];
    const [smallest, largest] = [fields.text(), fields.text()];
    if (level === undefined || number === undefined || sizeBytes === undefined) return false;
    if (smallest === undefined || largest === undefined) return false;
    this.#tables.set(number, { level, sizeBytes, smallest, largest });
    return true;
  }

  list(): TableList | undefined {
    const logNumber = this.#numbers.get(tags.logNumber);
    const nextFile = this.#numbers.get(tags.nextFile);
    const lastSequence = this.#numbers.get(tags.lastSequence);
    const comparator = this.#comparator;
    if (logNumber === undefined || nextFile === undefined || lastSequence === undefined) {
      return undefined;
    }
    return comparator && { comparator, logNumber, nextFile, lastSequence, tables: this.#tables };
  }
}

/** All in one edit. */
export function encodeManifest(list: TableList): Buffer {
  const tables = [...list.tables].map(([number, { level, sizeBytes, smallest, largest }]) => {
    const head = [tags.newFile, level, number, sizeBytes].map(varint);
    return Buffer.concat([...head, text(smallest), text(largest)]);
  });
  const edit = Buffer.concat([
    varint(tags.comparator),
    text(list.comparator),
    ...[tags.logNumber, list.logNumber].map(varint),
    ...[tags.prevLogNumber, 0].map(varint),
    ...[tags.nextFile, list.nextFile].map(varint),
    ...[tags.lastSequence, list.lastSequence].map(varint),
    ...tables,
  ]);
  return framed(edit);
}

function text(bytes: Buffer): Buffer {
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Each fragment fills its block but for the last; the file begins with the first of them. */
function framed(record: Buffer): Buffer {
  const room = blockBytes - fragmentHeadBytes;
  const fragments: Buffer[] = [];
  for (let at = 0; at < record.length; at += room) {
    const payload = record.subarray(at, at + room);
    const type = Buffer.of(typeOf(at === 0, at + room >= record.length));
    const sum = maskedCrc32c(Buffer.concat([type, payload]));
    const size = u32(payload.length).subarray(0, 2);
    fragments.push(u32(sum), size, type, payload);
  }
  return Buffer.concat(fragments);
}

function typeOf(isFirst: boolean, isLast: boolean): number {
  if (isFirst) return isLast ? fragmentTypes.full : fragmentTypes.first;
  return isLast ? fragmentTypes.last : fragmentTypes.middle;
}
