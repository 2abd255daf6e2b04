// The frames of catch-up: bytes in, frames out, and back. Knows no stream and no clock.
//
//   offset  size  field
//   0       1     type: 1 ask, 2 page, 3 record, 4 below the cut, 5 nudge, 6 ask for the boundary, 7 boundary,
//                 8 entry point
//   1       2     length of the body, little-endian
//   3       n     body
//
//   ask            16  log id    8  first seq that is wanted
//   page           16  log id    8  last seq of the log now    2  how many records follow
//   record          8  seq       n  message
//   below the cut  16  log id    8  highest seq that was pruned
//   nudge           -
//   ask boundary    1  0 from the beginning, 1 behind the id      32  id
//   boundary       16  log id    8  highest seq that was pruned    2  how many entry points follow
//                   1  1 when they are the last
//   entry point    32  id        1  1 when it is lazy
import { TangleError } from '../errors.ts';
import { ByteReader, ByteWriter, bytesFromHex, compareBytes, hexOf } from '../protocol/bytes.ts';
import { asMessageId, genesisId } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { maxMessageBytes, minMessageBytes } from '../protocol/message.ts';

const headerBytes = 3;
const logIdBytes = 16;
const seqBytes = 8;
const idBytes = 32;

/** What one answer holds at most; one message more may be read where the last one is large. */
export const maxPageRecords = 512;
export const maxPageBytes = 256 * 1024;
/** Entry points of one answer; all of them take less than a page of messages. */
export const maxPagePoints = 1024;
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
  | { readonly type: 'below-cut'; readonly logId: string; readonly cutSeq: number }
  /** Something was not sent to you: ask for my log soon. */
  | { readonly type: 'nudge' }
  /** The follower wants the entry points behind that one, in the order of ids. */
  | { readonly type: 'ask-boundary'; readonly afterId: MessageId | undefined }
  /** As many entry points follow: what messages above the cut name though it was pruned. */
  | {
      readonly type: 'boundary';
      readonly logId: string;
      readonly cutSeq: number;
      readonly count: number;
      readonly isLast: boolean;
    }
  | ({ readonly type: 'entry-point' } & BoundaryPoint);

/** A pruned message that others build on. */
export interface BoundaryPoint {
  readonly id: MessageId;
  readonly isLazy: boolean;
}

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
  { type: 'below-cut', code: 4, ...exactly(logIdBytes + seqBytes) },
  { type: 'nudge', code: 5, ...exactly(0) },
  { type: 'ask-boundary', code: 6, ...exactly(1 + idBytes) },
  { type: 'boundary', code: 7, ...exactly(logIdBytes + seqBytes + 2 + 1) },
  { type: 'entry-point', code: 8, ...exactly(idBytes + 1) },
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
      writePlace(writer, frame.logId, frame.fromSeq);
      break;
    case 'page':
      writePlace(writer, frame.logId, frame.lastSeq);
      writer.u16(frame.count);
      break;
    case 'record':
      writer.u64(BigInt(frame.seq));
      writer.bytes(frame.bytes);
      break;
    case 'below-cut':
      writePlace(writer, frame.logId, frame.cutSeq);
      break;
    case 'nudge':
      break;
    case 'ask-boundary':
    case 'boundary':
    case 'entry-point':
      writeBoundaryBody(writer, frame);
      break;
  }
}

function writeBoundaryBody(
  writer: ByteWriter,
  frame: SyncFrame & { readonly type: 'ask-boundary' | 'boundary' | 'entry-point' },
): void {
  switch (frame.type) {
    case 'ask-boundary':
      writer.u8(frame.afterId === undefined ? 0 : 1);
      writer.fixed(frame.afterId ?? genesisId, idBytes);
      break;
    case 'boundary':
      writePlace(writer, frame.logId, frame.cutSeq);
      writer.u16(frame.count);
      writer.u8(Number(frame.isLast));
      break;
    case 'entry-point':
      writer.fixed(frame.id, idBytes);
      writer.u8(Number(frame.isLazy));
      break;
  }
}

function writePlace(writer: ByteWriter, logId: string, seq: number): void {
  writer.fixed(bytesFromHex(logId, 'logId'), logIdBytes);
  writer.u64(BigInt(seq));
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
  switch (type) {
    case 'ask':
      return { type, logId: readLogId(reader), fromSeq: readSeq(reader) };
    case 'page':
      return { type, logId: readLogId(reader), lastSeq: readSeq(reader), count: reader.u16() };
    case 'record':
      // A copy: a view would keep the whole chunk alive for as long as the message waits.
      return { type, seq: readSeq(reader), bytes: new Uint8Array(bytes.subarray(seqBytes)) };
    case 'below-cut':
      return { type, logId: readLogId(reader), cutSeq: readSeq(reader) };
    case 'nudge':
      return { type };
    case 'ask-boundary':
      return readAskBoundary(reader);
    case 'boundary':
      return {
        type,
        logId: readLogId(reader),
        cutSeq: readSeq(reader),
        count: reader.u16(),
        isLast: readFlags(reader, 1) === 1,
      };
    case 'entry-point':
      break;
  }
  return { type, id: readId(reader), isLazy: readFlags(reader, 1) === 1 };
}

function readAskBoundary(reader: ByteReader): SyncFrame {
  const isContinued = readFlags(reader, 1) === 1;
  const id = readId(reader);
  if (isContinued) return { type: 'ask-boundary', afterId: id };
  if (compareBytes(id, genesisId) !== 0) throw syncFault('From the beginning needs no id.');
  return { type: 'ask-boundary', afterId: undefined };
}

/** A copy, as of messages. */
function readId(reader: ByteReader): MessageId {
  return asMessageId(new Uint8Array(reader.bytes(idBytes)));
}

function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) throw syncFault(`There is no flag ${flags} in this frame.`);
  return flags;
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
