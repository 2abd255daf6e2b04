// Finds the whole blocks in the file of a LevelDB table of which anything may be damaged: by its index where that can be
// read, else one after the other from the beginning. LevelDB itself finds none when the end of the file is gone.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ByteCursor } from './byte-cursor.ts';
import {
  blockAt,
  compareFull,
  entriesAt,
  entriesOfIntact,
  isIntact,
  maxBlockBytes,
  trailerBytes,
} from './table-block.ts';
import type { Entry, FoundBlock } from './table-block.ts';

/** Of a file; the end is not included. */
export interface Stretch {
  readonly at: number;
  readonly endsAt: number;
}

export interface TableBlock extends Stretch {
  /** No key of the block is greater, and none of the next block as low. */
  readonly lastFullKey: Buffer;
}

export interface Examined {
  /** Nothing is wrong with it. */
  readonly isWhole: boolean;
  /** Of the file. */
  readonly sizeBytes: number;
  /** Those that are as they were written, in the order of their keys. */
  readonly blocks: readonly TableBlock[];
  /** What may hold more entries. */
  readonly damaged: readonly Stretch[];
}

/** Two handles, room for the longest of them, a number that says what the file is. */
export const footerBytes = 48;
export const tableMagic = Buffer.from('57fb808b247547db', 'hex');
/** That of a table of 2 MiB has some 15 KiB. */
const maxIndexBytes = 16 * 1024 * 1024;
/** What is read at a time. */
const chunkBytes = 8 * maxBlockBytes;
/** Random bytes cost some 10 for each, where the beginning of a block is looked for (measured). */
const maxEffort = 64;

/** `writtenBytes`: what the file should have. */
export async function examineTable(path: string, writtenBytes?: number): Promise<Examined> {
  await using file = await TableFile.open(path);
  const index = await readIndex(file, writtenBytes ?? file.sizeBytes);
  return index === undefined ? await scan(file) : await checkBlocks(file, index);
}

/** Whatever can still be read of damaged stretches. Nothing of it is to be believed. */
export async function* looseEntries(
  path: string,
  damaged: readonly Stretch[],
): AsyncGenerator<readonly Entry[], void, undefined> {
  await using file = await TableFile.open(path);
  for (const { at, endsAt } of damaged) {
    yield entriesAt(await file.read(at, Math.min(endsAt - at, maxBlockBytes)));
  }
}

class TableFile implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly sizeBytes: number;
  #chunk: Buffer = Buffer.of();
  #chunkAt = 0;

  private constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  static async open(path: string): Promise<TableFile> {
    const file = await open(path, 'r');
    return new TableFile(file, (await file.stat()).size);
  }

  /** Fewer at the end of the file. */
  async read(at: number, sizeBytes: number): Promise<Buffer> {
    const endsAt = Math.min(at + sizeBytes, this.sizeBytes);
    if (at < this.#chunkAt || endsAt > this.#chunkAt + this.#chunk.length) {
      this.#chunk = await this.#fill(at, Math.max(chunkBytes, sizeBytes));
      this.#chunkAt = at;
    }
    return this.#chunk.subarray(at - this.#chunkAt, Math.max(at, endsAt) - this.#chunkAt);
  }

  async #fill(at: number, wantedBytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(wantedBytes);
    let sizeBytes = 0;
    for (;;) {
      const { bytesRead } = await this.#file.read(
        buffer,
        sizeBytes,
        wantedBytes - sizeBytes,
        at + sizeBytes,
      );
      sizeBytes += bytesRead;
      if (bytesRead === 0 || sizeBytes === wantedBytes) return buffer.subarray(0, sizeBytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

// ---- by the index ----

interface TableIndex {
  readonly blocks: readonly TableBlock[];
  /** What lies between the blocks and the footer is whole: LevelDB believes its filter of keys. */
  readonly isEndWhole: boolean;
}

/** Undefined when any of it is not what it must be. */
async function readIndex(file: TableFile, writtenBytes: number): Promise<TableIndex | undefined> {
  const { meta, index } = await readFooter(file, writtenBytes - footerBytes);
  if (meta === undefined || index === undefined) return undefined;
  const bytes = await readIntact(file, index);
  const blocks = bytes && blocksOf(entriesOfIntact(bytes, maxIndexBytes) ?? [], index.at);
  if (blocks === undefined) return undefined;
  const isEndWhole = file.sizeBytes === writtenBytes && (await isMetaWhole(file, blocks, meta));
  return { blocks, isEndWhole };
}

/** The filter of keys, which lies between the last block and what tells where it lies. */
async function isMetaWhole(
  file: TableFile,
  blocks: readonly TableBlock[],
  meta: Stretch,
): Promise<boolean> {
  const filter = { at: blocks.at(-1)?.endsAt ?? 0, endsAt: meta.at };
  const isFiltered = filter.at !== filter.endsAt;
  if (isFiltered && (await readIntact(file, filter)) === undefined) return false;
  return (await readIntact(file, meta)) !== undefined;
}

async function readFooter(
  file: TableFile,
  footerAt: number,
): Promise<Record<'meta' | 'index', Stretch | undefined>> {
  const none = { meta: undefined, index: undefined };
  if (footerAt < 0) return none;
  const footer = await file.read(footerAt, footerBytes);
  if (!footer.subarray(footerBytes - tableMagic.length).equals(tableMagic)) return none;
  const handles = new ByteCursor(footer);
  return { meta: stretchOf(handles, footerAt), index: stretchOf(handles, footerAt) };
}

/** A handle: where it begins, and its size without the trailer. */
function stretchOf(cursor: ByteCursor, limit: number): Stretch | undefined {
  const [at, sizeBytes] = [cursor.varint(), cursor.varint()];
  if (at === undefined || sizeBytes === undefined) return undefined;
  const endsAt = at + sizeBytes + trailerBytes;
  return endsAt > limit ? undefined : { at, endsAt };
}

/** LevelDB writes them without a gap. */
function blocksOf(entries: readonly Entry[], limit: number): TableBlock[] | undefined {
  const blocks: TableBlock[] = [];
  for (const { fullKey, value } of entries) {
    const cursor = new ByteCursor(value);
    const stretch = stretchOf(cursor, limit);
    const isNext = stretch?.at === (blocks.at(-1)?.endsAt ?? 0);
    if (stretch === undefined || !isNext || cursor.left > 0) return undefined;
    blocks.push({ ...stretch, lastFullKey: fullKey });
  }
  return blocks.length === 0 ? undefined : blocks;
}

async function readIntact(file: TableFile, { at, endsAt }: Stretch): Promise<Buffer | undefined> {
  if (endsAt <= at || endsAt - at > maxIndexBytes) return undefined;
  const bytes = await file.read(at, endsAt - at);
  return bytes.length === endsAt - at && isIntact(bytes) ? bytes : undefined;
}

async function checkBlocks(file: TableFile, index: TableIndex): Promise<Examined> {
  const blocks: TableBlock[] = [];
  const damaged: Stretch[] = [];
  for (const block of index.blocks) {
    if ((await readIntact(file, block)) === undefined) damaged.push(block);
    else blocks.push(block);
  }
  const isWhole = index.isEndWhole && damaged.length === 0;
  return { isWhole, sizeBytes: file.sizeBytes, blocks, damaged };
}

// ---- without it ----

async function scan(file: TableFile): Promise<Examined> {
  const blocks: TableBlock[] = [];
  const damaged: Stretch[] = [];
  const effort = { leftBytes: maxEffort * (file.sizeBytes + maxBlockBytes) };
  let at = 0;
  while (at < file.sizeBytes) {
    const found = await findBlock(file, at, { afterKey: blocks.at(-1)?.lastFullKey, effort });
    const endsAt = found?.at ?? file.sizeBytes;
    if (endsAt > at) damaged.push({ at, endsAt });
    if (found === undefined) break;
    blocks.push(found);
    at = found.endsAt;
  }
  return { isWhole: false, sizeBytes: file.sizeBytes, blocks, damaged };
}

interface Search {
  readonly afterKey: Buffer | undefined;
  readonly effort: { leftBytes: number };
}

/** The next one that begins there or later. */
async function findBlock(
  file: TableFile,
  fromAt: number,
  { afterKey, effort }: Search,
): Promise<TableBlock | undefined> {
  for (let at = fromAt; at < file.sizeBytes; at += maxBlockBytes) {
    const window = await file.read(at, 2 * maxBlockBytes);
    for (let begin = 0; begin < Math.min(maxBlockBytes, window.length); begin++) {
      const bytes = window.subarray(begin, begin + maxBlockBytes);
      const { block, effortBytes } = blockAt(bytes);
      effort.leftBytes -= effortBytes;
      if (effort.leftBytes < 0) return undefined;
      const last = block?.entries.at(-1);
      if (block === undefined || last === undefined || !isOfData(block, afterKey)) continue;
      const lastFullKey = Buffer.from(last.fullKey);
      return { at: at + begin, endsAt: at + begin + block.sizeBytes, lastFullKey };
    }
  }
  return undefined;
}

/** The index is a block, too: of the same keys, with handles for values. */
function isOfData({ entries }: FoundBlock, afterKey: Buffer | undefined): boolean {
  const [first] = entries;
  if (first === undefined || blocksOf(entries, Infinity) !== undefined) return false;
  return afterKey === undefined || compareFull(afterKey, first.fullKey) < 0;
}
