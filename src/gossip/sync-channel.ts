// One conversation of catch-up: frames over a libp2p stream. The one who asks decides how much comes, so
// whatever comes beyond that ends it, and nothing is ever paused.
import { setImmediate } from 'node:timers/promises';
import type { Stream } from '@libp2p/interface';
import { SyncDecoder, encodeSyncFrame, syncFault } from './sync-frames.ts';
import type { SyncFrame } from './sync-frames.ts';

/** What catch-up needs of whatever carries it. */
export interface SyncChannel {
  /** Resolves when all but a bounded rest is on its way. Throws when the other side is gone. */
  send(frames: readonly SyncFrame[]): Promise<void>;
  /** Undefined at the end. Throws what was given to `abort`, or FRAME_INVALID. */
  receive(): Promise<SyncFrame | undefined>;
  /** After what was sent; the other side may still send. */
  close(): Promise<void>;
  /** At once; whoever waits for a frame gets the error. */
  abort(error: Error): void;
}

/** A neighbour that reads slowly holds back the next answer. */
const maxUnsentBytes = 64 * 1024;

export class StreamChannel implements SyncChannel {
  readonly #stream: Stream;
  readonly #decoder = new SyncDecoder();
  #isEnded = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param maxUnreadBytes the most that an honest other side has sent and is not read here yet */
  constructor(stream: Stream, maxUnreadBytes: number) {
    this.#stream = stream;
    stream.addEventListener('message', ({ data }) => {
      this.#decoder.push(data.subarray());
      if (this.#decoder.bufferedBytes > maxUnreadBytes) {
        this.abort(syncFault('More was sent than was asked for.'));
      }
      this.#notify();
    });
    stream.addEventListener('remoteCloseWrite', () => this.#end());
    stream.addEventListener('close', () => this.#end());
  }

  async send(frames: readonly SyncFrame[]): Promise<void> {
    this.#stream.send(Buffer.concat(frames.map(encodeSyncFrame)));
    // 'drain' comes with bytes still waiting, so it alone proves nothing.
    while (this.#stream.writeBufferLength > maxUnsentBytes) {
      await this.#stream.onDrain();
      await setImmediate();
    }
  }

  async receive(): Promise<SyncFrame | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const frame = this.#decoder.next();
      if (frame !== undefined || this.#isEnded) return frame;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  async close(): Promise<void> {
    await this.#stream.close();
  }

  abort(error: Error): void {
    this.#failure ??= error;
    this.#stream.abort(error);
    this.#notify();
  }

  #end(): void {
    this.#isEnded = true;
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** A neighbour that goes away in the middle did nothing wrong. */
export async function nextFrame(channel: SyncChannel): Promise<SyncFrame> {
  const frame = await channel.receive();
  if (frame === undefined) throw new Error('the neighbour ended the conversation');
  return frame;
}
