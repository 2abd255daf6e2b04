// Messages as server-sent events, read from the log: so an old cursor is as good as a new one, and a listener who
// reads slowly costs no more memory than one that reads fast.
import { Readable } from 'node:stream';
import { decodeMessage } from '../protocol/codec.ts';
import { messageIdHex } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { Store, StoredMessage } from '../storage/store.ts';
import { eventText, waitingText } from './event-stream.ts';
import type { ServerEvent } from './event-stream.ts';
import { messageView } from './views.ts';

export type EventLog = Pick<Store, 'logId' | 'cutSeq' | 'lastSeq' | 'readLog'>;

export interface MessageEventsDeps {
  readonly log: EventLog;
  /** Calls back whenever the log has grown; returns how to end that. */
  readonly watch: (wake: () => void) => () => void;
  readonly silenceMs: number;
}

/** The last message a listener has seen. */
export interface Cursor {
  readonly logId: string;
  readonly seq: number;
}

/** `oldest`: has seen nothing, and misses nothing that is gone. */
export type Start = Cursor | 'oldest';

export type Matches = (message: Message) => boolean;

/** What is read from the log at a time. */
const slice = { limit: 64, maxBytes: 128 * 1024 };

export class MessageEvents extends Readable {
  readonly #deps: MessageEventsDeps;
  readonly #matches: Matches;
  readonly #logId: string;
  readonly #unwatch: () => void;
  #nextSeq: number;
  /** Whether it begins with the oldest message there is, whatever came before that. */
  readonly #beginsAnew: boolean;
  /** Told before anything else. */
  #opening: string;
  #hasGrown = true;
  #wake: () => void = () => undefined;
  #toldAtMs = performance.now();

  /** Without a cursor, the messages that come from now on. */
  constructor(deps: MessageEventsDeps, matches: Matches, start?: Start) {
    super({ highWaterMark: 1 });
    this.#deps = deps;
    this.#matches = matches;
    const { logId, lastSeq } = deps.log;
    this.#logId = logId;
    const cursor = start === 'oldest' ? { logId, seq: 0 } : start;
    const isAnotherLog = cursor !== undefined && cursor.logId !== logId;
    this.#beginsAnew = isAnotherLog || start === 'oldest';
    this.#nextSeq = isAnotherLog ? 1 : Math.min(cursor?.seq ?? lastSeq, lastSeq) + 1;
    this.#opening = isAnotherLog ? this.#gapText('log_changed') : waitingText(this.#position);
    this.#unwatch = deps.watch(() => {
      this.#hasGrown = true;
      this.#wake();
    });
  }

  override _read(): void {
    this.#next().then(
      (text) => this.push(text),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#unwatch();
    this.#wake();
    done(error);
  }

  get #position(): string {
    return `${this.#logId}-${this.#nextSeq - 1}`;
  }

  /** The next piece of the stream; null when the log is another one, so that the listener comes again. */
  async #next(): Promise<string | null> {
    const { log, silenceMs } = this.#deps;
    let text = this.#opening;
    this.#opening = '';
    while (text === '' && !this.destroyed) {
      if (log.logId !== this.#logId) return null;
      if (this.#nextSeq <= log.cutSeq) text = this.#skipToCut();
      else if (this.#hasGrown) text = await this.#readSlice();
      else await this.#growth();
      const isSilent = performance.now() - this.#toldAtMs >= silenceMs;
      if (text === '' && isSilent) text = waitingText(this.#position);
    }
    this.#toldAtMs = performance.now();
    return text;
  }

  /** Pruning was faster than the listener. */
  #skipToCut(): string {
    const isFresh = this.#beginsAnew && this.#nextSeq === 1;
    this.#nextSeq = this.#deps.log.cutSeq + 1;
    // Who begins with the oldest gets the oldest there is.
    return isFresh ? waitingText(this.#position) : this.#gapText('pruned');
  }

  #gapText(reason: 'pruned' | 'log_changed'): string {
    return eventText({ name: 'gap', id: this.#position, data: { reason } });
  }

  async #readSlice(): Promise<string> {
    this.#hasGrown = false;
    const records = await this.#deps.log.readLog({ fromSeq: this.#nextSeq, ...slice });
    const last = records.at(-1);
    if (last === undefined) return '';
    this.#hasGrown = true;
    this.#nextSeq = last.seq + 1;
    return records.flatMap((record) => this.#textOf(record)).join('');
  }

  #textOf(record: StoredMessage): string[] {
    const message = decodeMessage(record.bytes);
    if (!this.#matches(message)) return [];
    return [eventText(messageEvent(record, message, this.#logId))];
  }

  async #growth(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#deps.silenceMs);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }
}

function messageEvent(record: StoredMessage, message: Message, logId: string): ServerEvent {
  const { seq, id, arrivalMs } = record;
  const data = { messageId: messageIdHex(id), arrivalMs, message: messageView(message) };
  return { name: 'message', id: `${logId}-${seq}`, data };
}
