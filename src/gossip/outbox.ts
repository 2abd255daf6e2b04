// What waits to be sent to one neighbour. Bounded; small frames travel together, and nothing is handed to
// the stream while it still holds what it was given before.
import type { Stream } from '@libp2p/interface';

/** Measured: one write for each 300-byte message costs five times the CPU. */
const batchBytes = 16 * 1024;
/**
 * What waits goes out in one frame of noise, which holds 65 519 bytes: the other side acknowledges each write
 * by one of its own, and at 16 KiB that is a third of its CPU.
 */
const maxWriteBytes = 60 * 1024;
const gatherMs = 3;

export class Outbox {
  readonly #stream: Stream;
  readonly #maxBytes: number;
  #frames: Uint8Array[] = [];
  #sizeBytes = 0;
  #isFull = false;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(stream: Stream, maxBytes: number) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    // Both come in the middle of sending, when a send would stall the stream for ever: so, later.
    stream.addEventListener('drain', () => this.#flushSoon());
    stream.addEventListener('idle', () => this.#flushSoon());
    stream.addEventListener('close', () => this.#clear());
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether a frame was refused and less than half of the queue was sent since. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** False when there is no room: the frame is dropped, those before it stay. */
  push(frame: Uint8Array): boolean {
    if (this.#stream.writeStatus !== 'writable') return false;
    if (this.#sizeBytes + frame.length > this.#maxBytes) {
      this.#isFull = true;
      return false;
    }
    this.#frames.push(frame);
    this.#sizeBytes += frame.length;
    if (this.#sizeBytes >= batchBytes) this.#flushSoon();
    else this.#timer ??= setTimeout(() => this.#flush(), gatherMs);
    return true;
  }

  #flushSoon(): void {
    if (this.#sizeBytes > 0) this.#immediate ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#stopTimers();
    while (this.#frames.length > 0 && this.#canSend()) {
      try {
        this.#stream.send(this.#takeBatch());
      } catch {
        // The stream broke; it says so by its close event.
        this.#clear();
      }
    }
    if (this.#sizeBytes < this.#maxBytes / 2) this.#isFull = false;
  }

  /** `drain` is announced with data still buffered, so the buffer itself is asked. */
  #canSend(): boolean {
    const { writeStatus, writableNeedsDrain, writeBufferLength } = this.#stream;
    return writeStatus === 'writable' && !writableNeedsDrain && writeBufferLength === 0;
  }

  #takeBatch(): Uint8Array {
    let count = 0;
    let sizeBytes = 0;
    for (const frame of this.#frames) {
      if (count > 0 && sizeBytes + frame.length > maxWriteBytes) break;
      count += 1;
      sizeBytes += frame.length;
    }
    this.#sizeBytes -= sizeBytes;
    const frames = this.#frames.splice(0, count);
    return Buffer.concat(frames, sizeBytes);
  }

  #clear(): void {
    this.#stopTimers();
    this.#frames = [];
    this.#sizeBytes = 0;
  }

  #stopTimers(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }
}
