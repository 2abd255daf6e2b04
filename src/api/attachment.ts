// One attach and everyone who wants it: it goes on until it ends or the last of them has left.
import type { TangleError } from '../errors.ts';
import type { AttachCall, MineProgress } from '../tangle/attach.ts';
import { codedError } from './fastify-errors.ts';

export type AttachState =
  { readonly name: 'queued' | 'mining'; readonly progress?: MineProgress | undefined } | AttachEnd;

export type AttachEnd =
  | { readonly name: 'done'; readonly messageId: string }
  | { readonly name: 'failed'; readonly error: TangleError };

/** Resolves with the message id as hex. */
export type RunAttach = (call: Pick<AttachCall, 'signal' | 'onProgress'>) => Promise<string>;

export class Attachment {
  /** Never rejects. */
  readonly ended: Promise<AttachEnd>;
  /** Resolves when the work has a place in the line, or when it ends without one. */
  readonly admitted: Promise<void>;
  readonly #abandoned = new AbortController();
  readonly #watchers = new Set<() => void>();
  #state: AttachState = { name: 'queued' };
  #wantedBy = 0;

  /** Begins at once. */
  constructor(run: RunAttach) {
    this.admitted = new Promise((resolve) => this.#watchers.add(resolve));
    this.ended = this.#follow(run);
  }

  get state(): AttachState {
    return this.#state;
  }

  /** Whether its work was ended because nobody wanted it any more. */
  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** Counts as one who wants it until `leaving` is aborted. */
  want(leaving: AbortSignal): void {
    this.#wantedBy += 1;
    const leave = (): void => {
      this.#wantedBy -= 1;
      if (this.#wantedBy === 0 && !hasEnded(this.#state)) this.#abandoned.abort();
    };
    if (leaving.aborted) leave();
    else leaving.addEventListener('abort', leave, { once: true });
  }

  /** Wants it, and waits for the message id. Throws the coded error of an attach that failed. */
  async messageId(leaving: AbortSignal): Promise<string> {
    this.want(leaving);
    const end = await this.ended;
    if (end.name === 'failed') throw end.error;
    return end.messageId;
  }

  /** Calls back after every change of state, until the function that is returned is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  /** Calls back once: at the end, or now if it has ended. */
  onEnd(callback: (end: AttachEnd) => void): void {
    const tell = (): void => {
      if (hasEnded(this.#state)) callback(this.#state);
    };
    if (hasEnded(this.#state)) tell();
    else this.watch(tell);
  }

  async #follow(run: RunAttach): Promise<AttachEnd> {
    const end = await this.#endOf(run);
    this.#become(end);
    this.#watchers.clear();
    return end;
  }

  async #endOf(run: RunAttach): Promise<AttachEnd> {
    try {
      const messageId = await run({
        signal: this.#abandoned.signal,
        onProgress: (progress) => this.#become({ name: progress.state, progress }),
      });
      return { name: 'done', messageId };
    } catch (error) {
      return { name: 'failed', error: codedError(error) };
    }
  }

  #become(state: AttachState): void {
    if (hasEnded(this.#state)) return;
    this.#state = state;
    for (const notify of this.#watchers) notify();
  }
}

export function hasEnded(state: AttachState): state is AttachEnd {
  return state.name === 'done' || state.name === 'failed';
}
