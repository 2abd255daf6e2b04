// The frames of the field's gossip protocol: bytes in, frames out, and back. Knows no stream and no clock.
//
//   offset  size  field
//   0       1     type: 1 milestone request, 2 message, 3 message request, 4 heartbeat
//   1       2     length of the body, little-endian
//   3       n     body
import { TangleError } from '../errors.ts';
import { asMessageId } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { maxMessageBytes, minMessageBytes } from '../protocol/message.ts';

const headerBytes = 3;

/** What a neighbour tells of itself; milestone indexes are 0 while it has none. */
export interface Heartbeat {
  readonly solidMilestoneIndex: number;
  readonly prunedMilestoneIndex: number;
  readonly latestMilestoneIndex: number;
  /** At most 255. */
  readonly connectedNeighbours: number;
  readonly syncedNeighbours: number;
}

export type Frame =
  /** Index 0 asks for the latest milestone. */
  | { readonly type: 'milestone-request'; readonly index: number }
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  | { readonly type: 'message-request'; readonly id: MessageId }
  | { readonly type: 'heartbeat'; readonly heartbeat: Heartbeat };

interface FrameKind {
  readonly type: Frame['type'];
  readonly code: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

const kinds: Readonly<Record<Frame['type'], FrameKind>> = {
  'milestone-request': { type: 'milestone-request', code: 1, minBytes: 4, maxBytes: 4 },
  message: { type: 'message', code: 2, minBytes: minMessageBytes, maxBytes: maxMessageBytes },
  'message-request': { type: 'message-request', code: 3, minBytes: 32, maxBytes: 32 },
  heartbeat: { type: 'heartbeat', code: 4, minBytes: 14, maxBytes: 14 },
};

const kindOfCode: ReadonlyMap<number, FrameKind> = new Map(
  Object.values(kinds).map((kind) => [kind.code, kind]),
);

/** The whole frame, header included. A message or an id of a wrong size is our own bug. */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const body = bodyOf(frame);
  const bytes = Buffer.allocUnsafe(headerBytes + body.length);
  bytes[0] = kinds[frame.type].code;
  bytes[1] = body.length & 0xff;
  bytes[2] = body.length >> 8;
  bytes.set(body, headerBytes);
  return bytes;
}

/**
 * Cuts a stream of bytes into frames, however they arrive. Holds one unfinished frame and the chunks
 * that `next` has not looked at; whoever pushes bounds those.
 */
export class FrameDecoder {
  readonly #header = new Uint8Array(headerBytes);
  #headerFilled = 0;
  #body: { readonly type: Frame['type']; readonly bytes: Uint8Array } | undefined;
  #bodyFilled = 0;
  readonly #chunks: Uint8Array[] = [];
  /** How much of the first chunk was looked at. */
  #at = 0;
  #bufferedBytes = 0;
  readonly #slab = new Slab();

  /** Bytes that were pushed and not yet looked at. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /**
   * The next whole frame, whose bytes are no part of a chunk. Throws TangleError FRAME_INVALID as soon as a header is
   * wrong; the stream is lost then, for nobody knows where the next frame begins.
   */
  next(): Frame | undefined {
    if (this.#body === undefined) {
      this.#headerFilled += this.#fill(this.#header, this.#headerFilled);
      if (this.#headerFilled < headerBytes) return undefined;
      this.#body = this.#begin();
    }
    const { type, bytes } = this.#body;
    this.#bodyFilled += this.#fill(bytes, this.#bodyFilled);
    if (this.#bodyFilled < bytes.length) return undefined;
    this.#body = undefined;
    this.#headerFilled = 0;
    this.#bodyFilled = 0;
    return decodeBody(type, bytes);
  }

  #fill(target: Uint8Array, from: number): number {
    let filled = 0;
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const sizeBytes = Math.min(target.length - from - filled, chunk.length - this.#at);
      copy(chunk, this.#at, { target, from: from + filled, sizeBytes });
      filled += sizeBytes;
      this.#at += sizeBytes;
      if (this.#at < chunk.length) break;
      this.#chunks.shift();
      this.#at = 0;
    }
    this.#bufferedBytes -= filled;
    return filled;
  }

  /** Room for the body that the header announces, at most 32 KiB. */
  #begin(): { type: Frame['type']; bytes: Uint8Array } {
    const [code = 0, low = 0, high = 0] = this.#header;
    const sizeBytes = low | (high << 8);
    const kind = kindOfCode.get(code);
    if (kind === undefined) {
      throw new TangleError('FRAME_INVALID', `There is no frame type ${code}.`);
    }
    const { type, minBytes, maxBytes } = kind;
    if (sizeBytes < minBytes || sizeBytes > maxBytes) {
      throw new TangleError('FRAME_INVALID', `A ${type} frame cannot have ${sizeBytes} bytes.`);
    }
    return { type, bytes: this.#slab.take(sizeBytes) };
  }
}

interface Place {
  readonly target: Uint8Array;
  readonly from: number;
  readonly sizeBytes: number;
}

/** Headers byte by byte: a view for three bytes costs more than they do. */
function copy(chunk: Uint8Array, at: number, { target, from, sizeBytes }: Place): void {
  if (sizeBytes > 16) target.set(chunk.subarray(at, at + sizeBytes), from);
  else for (let n = 0; n < sizeBytes; n++) target[from + n] = chunk[at + n] ?? 0;
}

/** Larger bodies have memory of their own. A body that is kept keeps a slab, so it must not be large. */
const slabBytes = 16 * 1024;
const maxShareBytes = 2 * 1024;

/** Memory for many small bodies: one allocation for each costs as much as its hash. */
class Slab {
  #buffer = new ArrayBuffer(0);
  #used = 0;

  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > maxShareBytes) return new Uint8Array(sizeBytes);
    if (this.#used + sizeBytes > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(slabBytes);
      this.#used = 0;
    }
    const share = new Uint8Array(this.#buffer, this.#used, sizeBytes);
    this.#used += sizeBytes;
    return share;
  }
}

function decodeBody(type: Frame['type'], bytes: Uint8Array): Frame {
  if (type === 'message') return { type, bytes };
  if (type === 'message-request') return { type, id: asMessageId(bytes) };
  const view = viewOf(bytes);
  if (type === 'milestone-request') return { type, index: view.getUint32(0, true) };
  const heartbeat = {
    solidMilestoneIndex: view.getUint32(0, true),
    prunedMilestoneIndex: view.getUint32(4, true),
    latestMilestoneIndex: view.getUint32(8, true),
    connectedNeighbours: view.getUint8(12),
    syncedNeighbours: view.getUint8(13),
  };
  return { type, heartbeat };
}

function bodyOf(frame: Frame): Uint8Array {
  if (frame.type === 'message') return frame.bytes;
  if (frame.type === 'message-request') return frame.id;
  if (frame.type === 'heartbeat') return heartbeatBytes(frame.heartbeat);
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, frame.index, true);
  return bytes;
}

function heartbeatBytes(heartbeat: Heartbeat): Uint8Array {
  const bytes = new Uint8Array(14);
  const view = viewOf(bytes);
  view.setUint32(0, heartbeat.solidMilestoneIndex, true);
  view.setUint32(4, heartbeat.prunedMilestoneIndex, true);
  view.setUint32(8, heartbeat.latestMilestoneIndex, true);
  view.setUint8(12, heartbeat.connectedNeighbours);
  view.setUint8(13, heartbeat.syncedNeighbours);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
