// Looks at the sizes of LevelDB's tables before LevelDB does, which opens a database with a table that was cut off
// and notices it, if at all, when that is read.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { broken, fragmentsOf } from './write-ahead.ts';

/** The file name of the first table that is missing or has not the size that it was written with. */
export async function findCutTable(folder: string): Promise<string | undefined> {
  const current = await readFile(join(folder, 'CURRENT'), 'utf8').catch(() => '');
  const manifest = await readFile(join(folder, current.trim() || 'CURRENT')).catch(() => undefined);
  // What is wrong with these LevelDB tells itself.
  if (manifest === undefined) return undefined;
  for (const [number, wantedBytes] of tablesIn(manifest) ?? []) {
    const name = `${String(number).padStart(6, '0')}.ldb`;
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.size !== wantedBytes) return name;
  }
  return undefined;
}

/** Sizes by file number, as the edits of a manifest add up; undefined when it is not to be understood. */
export function tablesIn(manifest: Buffer): ReadonlyMap<number, number> | undefined {
  const tables = new Map<number, number>();
  let parts: Buffer[] = [];
  for (const fragment of fragmentsOf(manifest)) {
    if (fragment === broken) return undefined;
    parts.push(fragment.payload);
    if (!fragment.isLast) continue;
    if (!applyEdit(Buffer.concat(parts), tables)) return undefined;
    parts = [];
  }
  return tables;
}

/** LevelDB's db/version_edit.cc: a tag, then its fields. */
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

function applyEdit(edit: Buffer, tables: Map<number, number>): boolean {
  const fields = new Fields(edit);
  while (!fields.isAtEnd) {
    switch (fields.number()) {
      case tags.comparator:
        fields.skipText();
        break;
      case tags.logNumber:
      case tags.nextFile:
      case tags.lastSequence:
      case tags.prevLogNumber:
        fields.number();
        break;
      case tags.compactPointer:
        fields.number();
        fields.skipText();
        break;
      case tags.deletedFile:
        fields.number();
        tables.delete(fields.number());
        break;
      case tags.newFile: {
        fields.number();
        const number = fields.number();
        tables.set(number, fields.number());
        fields.skipText();
        fields.skipText();
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

/** Varints, and texts with their length before them. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  skipText(): void {
    const sizeBytes = this.number();
    this.#at += sizeBytes;
  }
}
