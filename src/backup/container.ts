// The file format of backups and archives: chunks behind a magic, each compressed and with a checksum of its
// own. Knows nothing of what the chunks hold. Numbers are little-endian, the same on every machine.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import { TangleError } from '../errors.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** A text file this is not: line ends that are converted on the way break it at once. */
const magicText = 'midge\r\n';
/** Rises when a reader of before would misread the file. */
export const formatVersion = 1;
export const headBytes = magicText.length + 1;

/** type u8, raw length u32, stored length u32, crc32 u32 of these and of what is stored. */
const chunkHeadBytes = 13;
/** Far above what a writer puts into one: a file that lies about its lengths costs no more memory. */
export const maxChunkBytes = 8 * 1024 * 1024;
/** Measured on messages of 250 bytes: 0.34 of JSON, 0.74 of noise, at 190 MB/s; level 3 gains 1 % at half of the speed. */
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export const chunkTypes = {
  /** JSON: what kind of file, of which network. The first. */
  head: 1,
  entryPoints: 2,
  pins: 3,
  records: 4,
  /** The last: JSON of counts, and the SHA-256 of all bytes before it. */
  end: 5,
  /** In the place of an end: JSON with a sentence. */
  failure: 6,
} as const;
export type ChunkType = (typeof chunkTypes)[keyof typeof chunkTypes];

export interface Chunk {
  readonly type: number;
  readonly payload: Buffer;
  /** As it stands in the file. */
  readonly stored: Buffer;
  /** Of its first byte in the file. */
  readonly offset: number;
}

export function fileHead(): Buffer {
  return Buffer.concat([Buffer.from(magicText), Buffer.of(formatVersion)]);
}

/** One chunk as it stands in a file. What does not get smaller is stored as it is. */
export async function encodeChunk(type: ChunkType, payload: Buffer): Promise<Buffer> {
  const packed = await compress(payload, level);
  const stored = packed.length < payload.length ? packed : payload;
  const chunk = Buffer.allocUnsafe(chunkHeadBytes + stored.length);
  chunk.writeUInt8(type, 0);
  chunk.writeUInt32LE(payload.length, 1);
  chunk.writeUInt32LE(stored.length, 5);
  stored.copy(chunk, chunkHeadBytes);
  chunk.writeUInt32LE(crcOf(chunk), 9);
  return chunk;
}

function crcOf(chunk: Buffer): number {
  return crc32(chunk.subarray(chunkHeadBytes), crc32(chunk.subarray(0, 9)));
}

/** Hash of a file that is written or read chunk by chunk. */
export class RunningHash {
  readonly #hash: Hash = createHash('sha256');

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Of all so far. */
  hex(): string {
    return this.#hash.copy().digest('hex');
  }
}

/**
 * The chunks of a file, one in memory at a time. Ends where the bytes do; whether that is the end of the
 * file its last chunk tells. Throws BACKUP_INVALID.
 */
export async function* readChunks(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Chunk, void, undefined> {
  await using input = new Input(bytes);
  checkHead(await input.take(headBytes));
  for (;;) {
    const { offset } = input;
    const head = await input.take(chunkHeadBytes);
    if (head.length === 0) return;
    if (head.length < chunkHeadBytes) throw endsInside(offset);
    const [rawBytes, storedBytes] = [head.readUInt32LE(1), head.readUInt32LE(5)];
    if (rawBytes > maxChunkBytes || storedBytes > rawBytes) throw damagedAt(offset);
    const body = await input.take(storedBytes);
    if (body.length < storedBytes) throw endsInside(offset);
    const stored = Buffer.concat([head, body]);
    if (stored.readUInt32LE(9) !== crcOf(stored)) throw damagedAt(offset);
    const payload = await unpacked(body, rawBytes).catch(() => {
      throw damagedAt(offset);
    });
    yield { type: head.readUInt8(0), payload, stored, offset };
  }
}

async function unpacked(body: Buffer, rawBytes: number): Promise<Buffer> {
  if (body.length === rawBytes) return body;
  const payload = await decompress(body, { maxOutputLength: rawBytes });
  if (payload.length !== rawBytes) throw new Error('another length');
  return payload;
}

function checkHead(head: Buffer): void {
  if (head.toString('latin1', 0, magicText.length) !== magicText) {
    throw new TangleError('BACKUP_INVALID', 'This is no file of Midge, or its beginning is lost.');
  }
  const version = head[magicText.length];
  if (version === undefined) throw endsInside(0);
  if (version === formatVersion) return;
  throw new TangleError(
    'BACKUP_INVALID',
    `The file was written by another version of Midge (format ${version}, this one knows ${formatVersion}).`,
  );
}

function endsInside(offset: number): TangleError {
  return new TangleError(
    'BACKUP_INVALID',
    `The file is cut off: it ends inside what begins at byte ${offset}.`,
    { details: { offset, kind: 'cut-off' } },
  );
}

export function damagedAt(offset: number): TangleError {
  return new TangleError(
    'BACKUP_INVALID',
    `The file is damaged: what begins at byte ${offset} does not match its checksum.`,
    { details: { offset } },
  );
}

/** Takes exactly as many bytes as are asked for, fewer only at the end. */
class Input implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);
  offset = 0;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  async take(sizeBytes: number): Promise<Buffer> {
    const parts = [this.#rest];
    let heldBytes = this.#rest.length;
    while (heldBytes < sizeBytes) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      parts.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length));
      heldBytes += next.value.length;
    }
    const held = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = held.subarray(sizeBytes);
    const taken = held.subarray(0, sizeBytes);
    this.offset += taken.length;
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.();
  }
}
