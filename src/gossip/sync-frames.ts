// The frames of catch-up: bytes in, frames out, and back. Knows no stream and no clock.
//
//   offset  size  field
//   0       1     type: 1 ask, 2 page, 3 record, 4 below the cut, 5 nudge
//   1       2     length of the body, little-endian
//   3       n     body
//
//   ask            16  log id    8  first seq that is wanted
//   page           16  log id    8  last seq of the log now    2  how many records follow
//   record          8  seq       n  message
//   below the cut   8  highest seq that was pruned
//   nudge           -
import { TangleError } from '../errors.ts';
import { ByteReader, ByteWriter, bytesFromHex, hexOf } from '../protocol/bytes.ts';
import { maxMessageBytes, minMessageBytes } from '../protocol/message.ts';

const headerBytes = 3;
const logIdBytes = 16;
const seqBytes = 8;

/** What one answer holds at most; one message more may be read where the last one is large. */
export const maxPageRecords = 512;
export const maxPageBytes = 256 * 1024;
/** All bytes of the largest answer. */
export const maxAnswerBytes = maxPageBytes + maxMessageBytes + 1024 + maxPageRecords * 16;

/** Says "I know nothing of your log". */
export const noLogId = '00'.repeat(logIdBytes);

export type SyncFrame =
  /** The follower wants the log from here on. */
  | { readonly type: 'ask'; readonly logId: string; readonly fromSeq: number }
  /** As many records follow; from the beginning if the log is another one than was asked for. */
  | {
      readonly type: 'page';
      readonly logId: string;
      readonly lastSeq: number;
      readonly count: number;
    }
  | { readonly type: 'record'; readonly seq: number; readonly bytes: Uint8Array }
  /** What was asked for is pruned. */
  | { readonly type: 'below-cut'; readonly cutSeq: number }
  /** Something was not sent to you: ask for my log soon. */
  | { readonly type: 'nudge' };

type FrameType = SyncFrame['type'];

interface FrameKind {
  readonly type: FrameType;
  readonly code: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

const kinds: readonly FrameKind[] = [
  { type: 'ask', code: 1, ...exactly(logIdBytes + seqBytes) },
  { type: 'page', code: 2, ...exactly(logIdBytes + seqBytes + 2) },
  {
    type: 'record',
    code: 3,
    minBytes: seqBytes + minMessageBytes,
    maxBytes: seqBytes + maxMessageBytes,
  },
  { type: 'below-cut', code: 4, ...exactly(seqBytes) },
  { type: 'nudge', code: 5, ...exactly(0) },
];

function exactly(sizeBytes: number): { readonly minBytes: number; readonly maxBytes: number } {
  return { minBytes: sizeBytes, maxBytes: sizeBytes };
}

/** The whole frame, header included. */
export function encodeSyncFrame(frame: SyncFrame): Uint8Array {
  const kind = kinds.find(({ type }) => type === frame.type);
  const messageBytes = frame.type === 'record' ? frame.bytes.length : 0;
  const writer = new ByteWriter(new Uint8Array(64 + messageBytes));
  writer.u8(kind?.code ?? 0);
  writer.u16(frame.type === 'record' ? seqBytes + messageBytes : (kind?.minBytes ?? 0));
  writeBody(writer, frame);
  return writer.finish();
}

function writeBody(writer: ByteWriter, frame: SyncFrame): void {
  switch (frame.type) {
    case 'ask':
      writer.fixed(bytesFromHex(frame.logId, 'logId'), logIdBytes);
      writer.u64(BigInt(frame.fromSeq));
      break;
    case 'page':
      writer.fixed(bytesFromHex(frame.logId, 'logId'), logIdBytes);
      writer.u64(BigInt(frame.lastSeq));
      writer.u16(frame.count);
      break;
    case 'record':
      writer.u64(BigInt(frame.seq));
      writer.bytes(frame.bytes);
      break;
    case 'below-cut':
      writer.u64(BigInt(frame.cutSeq));
      break;
    case 'nudge':
      break;
  }
}

/**
 * Cuts a stream of bytes into frames, however they arrive. Holds what `next` has not taken; whoever
 * pushes bounds that by `bufferedBytes`.
 */
export class SyncDecoder {
  #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;
  /** Of the frame that begins the buffer: its header only, until that is there. */
  #frameBytes = headerBytes;

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /** The next whole frame, which owns its bytes. Throws TangleError FRAME_INVALID; the stream is lost then. */
  next(): SyncFrame | undefined {
    if (this.#bufferedBytes < this.#frameBytes) return undefined;
    const { kind, sizeBytes } = readHeader(this.#first(headerBytes));
    this.#frameBytes = headerBytes + sizeBytes;
    if (this.#bufferedBytes < this.#frameBytes) return undefined;
    const frame = this.#first(this.#frameBytes);
    this.#drop(this.#frameBytes);
    this.#frameBytes = headerBytes;
    return readBody(kind.type, frame.subarray(headerBytes));
  }

  /** Chunks are joined only when what is asked for is complete: each byte is copied a bounded number of times. */
  #first(sizeBytes: number): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= sizeBytes) return first.subarray(0, sizeBytes);
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined.subarray(0, sizeBytes);
  }

  #drop(sizeBytes: number): void {
    const [first] = this.#chunks;
    if (first === undefined) return;
    this.#bufferedBytes -= sizeBytes;
    if (first.length === sizeBytes) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(sizeBytes);
  }
}

function readHeader(bytes: Uint8Array): { readonly kind: FrameKind; readonly sizeBytes: number } {
  const reader = new ByteReader(bytes);
  const [code, sizeBytes] = [reader.u8(), reader.u16()];
  const kind = kinds.find((candidate) => candidate.code === code);
  if (kind === undefined) throw syncFault(`There is no frame type ${code} in catch-up.`);
  if (sizeBytes < kind.minBytes || sizeBytes > kind.maxBytes) {
    throw syncFault(`A frame of type ${kind.type} cannot have ${sizeBytes} bytes.`);
  }
  return { kind, sizeBytes };
}

function readBody(type: FrameType, bytes: Uint8Array): SyncFrame {
  const reader = new ByteReader(bytes);
  if (type === 'ask') return { type, logId: readLogId(reader), fromSeq: readSeq(reader) };
  if (type === 'page') {
    return { type, logId: readLogId(reader), lastSeq: readSeq(reader), count: reader.u16() };
  }
  // A copy: a view would keep the whole chunk alive for as long as the message waits.
  if (type === 'record') {
    return { type, seq: readSeq(reader), bytes: new Uint8Array(bytes.subarray(seqBytes)) };
  }
  return type === 'below-cut' ? { type, cutSeq: readSeq(reader) } : { type };
}

function readLogId(reader: ByteReader): string {
  return hexOf(reader.bytes(logIdBytes));
}

function readSeq(reader: ByteReader): number {
  const seq = reader.u64();
  if (seq > Number.MAX_SAFE_INTEGER) throw syncFault('No log has so many messages.');
  return Number(seq);
}

/** The neighbour broke a rule of catch-up, which no honest one does. */
export function syncFault(message: string): TangleError {
  return new TangleError('FRAME_INVALID', message);
}
