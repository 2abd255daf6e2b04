// Remembers which attach an Idempotency-Key stands for, so that a request sent twice is worked on once.
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import type { Attachment } from './attachment.ts';

export const idempotencyLimits = {
  /** Of all clients together. */
  keys: 4096,
  /** After the attach is done. A failed one is forgotten at once: it may be tried again. */
  rememberMs: 10 * 60_000,
};

/** A request that names itself. */
export interface KeyedRequest {
  readonly client: string;
  readonly key: string;
  /** Of the body: the same key with another one is a mistake of the client. */
  readonly digest: string;
}

interface Entry {
  readonly digest: string;
  readonly attachment: Attachment;
  expiresAtMs: number;
}

export class IdempotencyKeys {
  readonly #clock: Clock;
  readonly #byClient = new Map<string, Map<string, Entry>>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The attach that this request began before, else the one that `start` begins. Throws IDEMPOTENCY_KEY_REUSED. */
  attachmentOf(request: KeyedRequest, start: () => Attachment): Attachment {
    const { client, key, digest } = request;
    const known = this.#recall(client, key);
    if (known === undefined) return this.#remember(request, start());
    if (known.digest === digest) return known.attachment;
    throw new TangleError(
      'IDEMPOTENCY_KEY_REUSED',
      'This Idempotency-Key was sent with another body before; take a new key for a new message.',
    );
  }

  #recall(client: string, key: string): Entry | undefined {
    const entry = this.#byClient.get(client)?.get(key);
    if (entry === undefined) return undefined;
    // An attach that everyone has left may still come to its end; beginning another could make two messages.
    if (entry.expiresAtMs > this.#clock.now()) return entry;
    this.#forget(client, key, entry);
    return undefined;
  }

  #remember({ client, key, digest }: KeyedRequest, attachment: Attachment): Attachment {
    const entry: Entry = { digest, attachment, expiresAtMs: Infinity };
    const own = this.#byClient.get(client) ?? new Map<string, Entry>();
    this.#byClient.set(client, own.set(key, entry));
    this.#count += 1;
    if (this.#count > idempotencyLimits.keys) this.#displace();
    attachment.onEnd((end) => {
      if (end.name === 'failed') this.#forget(client, key, entry);
      else entry.expiresAtMs = this.#clock.now() + idempotencyLimits.rememberMs;
    });
    return attachment;
  }

  /** The oldest key of the client with most goes; so it takes many clients to push out another's. */
  #displace(): void {
    let [most, keysOfMost] = ['', new Map<string, Entry>()];
    for (const [client, keys] of this.#byClient) {
      if (keys.size > keysOfMost.size) [most, keysOfMost] = [client, keys];
    }
    for (const [key, entry] of keysOfMost) return this.#forget(most, key, entry);
  }

  /** Unless the key stands for something newer by now. */
  #forget(client: string, key: string, entry: Entry): void {
    const own = this.#byClient.get(client);
    if (own?.get(key) !== entry) return;
    own.delete(key);
    this.#count -= 1;
    if (own.size === 0) this.#byClient.delete(client);
  }
}
