// One block of a LevelDB table, of which nothing is known but where it begins. It tells where it ends: its entries are
// followed by a list of places, how many these are, how it is packed, and a checksum of all.
// The format: github.com/google/leveldb/blob/main/doc/table_format.md.
import { ByteCursor } from './byte-cursor.ts';
import { maskedCrc32c } from './crc32c.ts';
import { unpackSnappy } from './snappy.ts';

export interface Entry {
  /** The key in the database, and 8 bytes: LevelDB's number of the change, and which kind of change it was. */
  readonly fullKey: Buffer;
  readonly value: Buffer;
}

/** LevelDB ends a block with the entry that fills its 4 KiB; the largest message has 32 KiB. */
export const maxBlockBytes = 128 * 1024;
/** How it is packed u8, crc32c u32. */
export const trailerBytes = 5;
const packings = { none: 0, snappy: 1 } as const;
const numberBytes = 8;
/** What keys of both databases stay far below. */
const maxKeyBytes = 512;
const changes = { deletion: 0, put: 1 } as const;
const noKey = Buffer.of();
const scratch = Buffer.allocUnsafeSlow(maxBlockBytes);

export function keyOfFull(fullKey: Buffer): Buffer {
  return fullKey.subarray(0, -numberBytes);
}

export function isPut({ fullKey }: Entry): boolean {
  return fullKey[fullKey.length - numberBytes] === changes.put;
}

/** In the order of tables: of one key the newest change comes first. */
export function compareFull(a: Buffer, b: Buffer): number {
  return Buffer.compare(keyOfFull(a), keyOfFull(b)) || Number(numberOf(b) - numberOf(a));
}

function numberOf(fullKey: Buffer): bigint {
  return fullKey.readBigUInt64LE(fullKey.length - numberBytes);
}

/** Whether these are the bytes of a block that were written, its trailer included. */
export function isIntact(block: Buffer): boolean {
  const checksumAt = block.length - 4;
  return (
    block.length > trailerBytes &&
    block.readUInt32LE(checksumAt) === maskedCrc32c(block.subarray(0, checksumAt))
  );
}

export interface FoundBlock {
  readonly entries: readonly Entry[];
  /** With its trailer. */
  readonly sizeBytes: number;
}

export interface Attempt {
  /** The block that begins there, if one does and is whole. */
  readonly block: FoundBlock | undefined;
  /** How much was looked at to know. */
  readonly effortBytes: number;
}

/** Takes the bytes from where a block may begin. */
export function blockAt(bytes: Buffer): Attempt {
  // The first entry shares nothing with the one before it; what is packed begins with its size.
  const { entries, packing, packedBytes, effortBytes } =
    bytes[0] === 0 ? tryPlain(bytes) : tryPacked(bytes);
  const refused = { block: undefined, effortBytes: effortBytes + 1 };
  if (packedBytes === undefined || entries.length === 0) return refused;
  const block = bytes.subarray(0, packedBytes + trailerBytes);
  const isThere = block.length === packedBytes + trailerBytes && bytes[packedBytes] === packing;
  if (!isThere || !isIntact(block)) return refused;
  return { block: { entries, sizeBytes: block.length }, effortBytes: 0 };
}

interface Candidate {
  readonly entries: readonly Entry[];
  readonly packing: number;
  /** Without the trailer; undefined for what is no block. */
  readonly packedBytes: number | undefined;
  readonly effortBytes: number;
}

function tryPlain(bytes: Buffer): Candidate {
  const { entries, sizeBytes } = parseBlock(bytes);
  const effortBytes = sizeOf(entries);
  return { entries, packing: packings.none, packedBytes: sizeBytes, effortBytes };
}

function tryPacked(bytes: Buffer): Candidate {
  const unpacked = unpackSnappy(bytes, 0, scratch);
  const { endsAt, sizeBytes: effortBytes } = unpacked;
  const none = { entries: [], packing: packings.snappy, packedBytes: undefined, effortBytes };
  if (endsAt === undefined) return none;
  const { entries, sizeBytes } = parseBlock(unpackedBytes(unpacked));
  return sizeBytes === effortBytes ? { ...none, entries, packedBytes: endsAt } : none;
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { fullKey, value }) => sum + fullKey.length + value.length, 0);
}

/** What can be read of a block that is cut off or damaged. Nothing of it is to be believed. */
export function entriesAt(bytes: Buffer): readonly Entry[] {
  const plain = parseBlock(bytes).entries;
  if (plain.length > 0) return plain;
  return parseBlock(unpackedBytes(unpackSnappy(bytes, 0, scratch))).entries;
}

/** The entries of a block that is known to be whole, with its trailer. Keys may be any. */
export function entriesOfIntact(
  block: Buffer,
  maxUnpackedBytes: number,
): readonly Entry[] | undefined {
  const packing = block[block.length - trailerBytes];
  const packed = block.subarray(0, -trailerBytes);
  if (packing === packings.none) return wholeEntries(packed);
  const wantedBytes = new ByteCursor(packed).varint() ?? Infinity;
  if (packing !== packings.snappy || wantedBytes > maxUnpackedBytes) return undefined;
  const target = Buffer.allocUnsafe(wantedBytes);
  const { endsAt } = unpackSnappy(packed, 0, target);
  return endsAt === packed.length ? wholeEntries(target) : undefined;
}

function wholeEntries(content: Buffer): readonly Entry[] | undefined {
  const { entries, sizeBytes } = parseBlock(content);
  return sizeBytes === content.length ? entries : undefined;
}

/** A copy: the scratch is used again for the next. */
function unpackedBytes({ sizeBytes }: { readonly sizeBytes: number }): Buffer {
  return Buffer.from(scratch.subarray(0, sizeBytes));
}

interface Parsed {
  readonly entries: readonly Entry[];
  /** Of the entries and the list behind them; undefined when there is no such list. */
  readonly sizeBytes: number | undefined;
}

function parseBlock(content: Buffer): Parsed {
  const entries: Entry[] = [];
  const cursor = new ByteCursor(content);
  for (;;) {
    const startsAt = cursor.at;
    const entry = nextEntry(cursor, entries.at(-1)?.fullKey ?? noKey);
    if (entry === undefined) {
      return { entries, sizeBytes: endOfPlaces(new ByteCursor(content, startsAt), entries.length) };
    }
    entries.push(entry);
  }
}

/** Undefined for what is none, be it the list of places or damage. */
function nextEntry(cursor: ByteCursor, previous: Buffer): Entry | undefined {
  const sharedBytes = cursor.varint() ?? Infinity;
  const ownBytes = cursor.varint() ?? Infinity;
  const valueBytes = cursor.varint() ?? Infinity;
  if (sharedBytes > previous.length || ownBytes > maxKeyBytes) return undefined;
  if (ownBytes + valueBytes > cursor.left) return undefined;
  const fullKey = Buffer.concat([previous.subarray(0, sharedBytes), cursor.take(ownBytes)]);
  if (!isFullKey(fullKey)) return undefined;
  const isNext = previous.length === 0 || compareFull(previous, fullKey) < 0;
  return isNext ? { fullKey, value: cursor.take(valueBytes) } : undefined;
}

function isFullKey(bytes: Buffer): boolean {
  if (bytes.length <= numberBytes || bytes.length > maxKeyBytes) return false;
  const change = bytes[bytes.length - numberBytes];
  return change === changes.put || change === changes.deletion;
}

/** The first place is 0, and no other is as low as its own position, so that the count is told from places. */
function endOfPlaces(cursor: ByteCursor, entryCount: number): number | undefined {
  if (cursor.littleEndian(4) !== 0) return undefined;
  for (let position = 1; position <= Math.max(1, entryCount); position++) {
    const place = cursor.littleEndian(4);
    if (place === undefined) return undefined;
    if (place === position) return cursor.at;
  }
  return undefined;
}
