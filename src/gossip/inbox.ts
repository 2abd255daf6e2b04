// What one neighbour sends, frame by frame, no faster than it is dealt with: beyond a bound of frames in
// work, or of its rate, the stream is paused and the neighbour's own window stops it.
import type { Stream } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { Budget } from './budget.ts';
import type { BudgetLimits } from './budget.ts';
import { FrameDecoder } from './frames.ts';
import type { Frame } from './frames.ts';

export interface InboxLimits {
  readonly frames: BudgetLimits;
  readonly bytes: BudgetLimits;
  /** Frames that are dealt with at the same time. */
  readonly maxInWork: number;
}

export interface InboxDeps {
  readonly clock: Clock;
  /** A promise, which must not reject, counts as work until it is done. */
  readonly handle: (frame: Frame) => Promise<void> | undefined;
  /** The bytes are no frames. Nothing more is read. */
  readonly onBroken: (error: unknown) => void;
}

export class Inbox {
  readonly #stream: Stream;
  readonly #maxInWork: number;
  readonly #deps: InboxDeps;
  readonly #decoder = new FrameDecoder();
  readonly #frames: Budget;
  readonly #bytes: Budget;
  #inWork = 0;
  #isClosed = false;
  #mustPause = false;
  #settling: NodeJS.Immediate | undefined;
  #resting: NodeJS.Timeout | undefined;

  constructor(stream: Stream, limits: InboxLimits, deps: InboxDeps) {
    this.#stream = stream;
    this.#maxInWork = limits.maxInWork;
    this.#deps = deps;
    this.#frames = new Budget(limits.frames, deps.clock);
    this.#bytes = new Budget(limits.bytes, deps.clock);
  }

  /** Frames that are here already are handled at once. */
  start(): void {
    this.#stream.addEventListener('close', () => this.#close());
    this.#stream.addEventListener('message', ({ data }) => this.#receive(data.subarray()));
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    this.#bytes.spend(chunk.length);
    this.#decoder.push(chunk);
    this.#work();
  }

  #work(): void {
    // The time once for all frames of a chunk.
    this.#frames.spend(0);
    while (!this.#isClosed && !this.#mustRest()) {
      const frame = this.#nextFrame();
      if (frame === undefined) {
        this.#setPaused(false);
        return;
      }
      this.#frames.spendNow(1);
      this.#handle(frame);
    }
  }

  #nextFrame(): Frame | undefined {
    try {
      return this.#decoder.next();
    } catch (error) {
      this.#close();
      this.#deps.onBroken(error);
      return undefined;
    }
  }

  #handle(frame: Frame): void {
    const work = this.#deps.handle(frame);
    if (work === undefined) return;
    this.#inWork += 1;
    void work.then(this.#finish);
  }

  /** One function for all: an async one for each frame costs as much as its hash. */
  readonly #finish = (): void => {
    this.#inWork -= 1;
    if (this.#inWork === Math.floor(this.#maxInWork / 2)) setImmediate(() => this.#work());
  };

  /** Whether there is too much already; then the stream is paused and this goes on by itself. */
  #mustRest(): boolean {
    const waitMs = Math.max(this.#frames.waitMs(), this.#bytes.waitMs());
    if (waitMs === 0 && this.#inWork < this.#maxInWork) return false;
    this.#setPaused(true);
    if (waitMs > 0) {
      this.#resting ??= setTimeout(() => {
        this.#resting = undefined;
        this.#work();
      }, waitMs);
    }
    return true;
  }

  /** Never inside an event of the stream: a pause during a resume leaves the muxer un-paused. */
  #setPaused(mustPause: boolean): void {
    if (this.#mustPause === mustPause) return;
    this.#mustPause = mustPause;
    this.#settling ??= setImmediate(() => {
      this.#settling = undefined;
      const { readStatus } = this.#stream;
      if (this.#mustPause && readStatus === 'readable') this.#stream.pause();
      if (!this.#mustPause && readStatus === 'paused') this.#stream.resume();
    });
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#resting);
    clearImmediate(this.#settling);
  }
}
