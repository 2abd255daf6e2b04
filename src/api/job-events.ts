// The progress of a job as server-sent events (text/event-stream), until its result.
import { Readable } from 'node:stream';
import { hasEnded } from './attachment.ts';
import type { AttachState, Attachment } from './attachment.ts';
import { eventText, waitingText } from './event-stream.ts';

export interface EventPace {
  /** No more than one progress event in this time; the result is told at once. */
  readonly progressMs: number;
  /** After so long a silence comes a comment, so that nobody takes the connection for dead. */
  readonly silenceMs: number;
}

export const eventPace: EventPace = { progressMs: 500, silenceMs: 15_000 };

/** A listener who reads slowly misses states in between; none of them wait in memory. */
export class JobEvents extends Readable {
  readonly #attachment: Attachment;
  readonly #render: (state: AttachState) => object;
  readonly #pace: EventPace;
  readonly #unwatch: () => void;
  readonly #timer: NodeJS.Timeout;
  #told: AttachState | undefined;
  #toldAtMs = 0;
  #isWanted = false;

  /** `render` makes the data of an event. */
  constructor(
    attachment: Attachment,
    render: (state: AttachState) => object,
    pace: EventPace = eventPace,
  ) {
    super({ highWaterMark: 1 });
    this.#attachment = attachment;
    this.#render = render;
    this.#pace = pace;
    this.#unwatch = attachment.watch(() => {
      if (hasEnded(attachment.state)) this.#tell();
    });
    this.#timer = setInterval(() => this.#tell(), pace.progressMs);
  }

  override _read(): void {
    this.#isWanted = true;
    if (this.#told === undefined || hasEnded(this.#attachment.state)) this.#tell();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#unwatch();
    clearInterval(this.#timer);
    done(error);
  }

  #tell(): void {
    if (!this.#isWanted) return;
    const { state } = this.#attachment;
    if (state !== this.#told) this.#send(textOf(state, this.#render(state)));
    else if (performance.now() - this.#toldAtMs >= this.#pace.silenceMs) this.#send(waitingText());
    this.#told = state;
    if (!hasEnded(state)) return;
    clearInterval(this.#timer);
    this.push(null);
  }

  #send(text: string): void {
    this.#toldAtMs = performance.now();
    this.#isWanted = this.push(text);
  }
}

function textOf(state: AttachState, data: object): string {
  return eventText({ name: hasEnded(state) ? state.name : 'progress', data });
}
