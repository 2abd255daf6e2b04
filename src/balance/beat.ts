// Heartbeats for Apache's mod_lbmethod_heartbeat: a form, posted some times a second.
import { request } from 'node:http';
import type { Logger } from '../log.ts';
import { heartbeatForm } from './words.ts';
import type { Balance } from './watch.ts';

/** Apache forgets a node after ten seconds of silence; the pace is for changes to be seen within one. */
export const beatMs = 250;
const answerMs = 900;

export interface BeatOptions {
  readonly url: string;
  /** Where the API listens, and from where the beats come: Apache knows a node by that address. */
  readonly address: string;
  readonly port: number;
}

export interface BeatDeps {
  readonly balance: () => Balance;
  readonly log: Logger;
}

/** Closing it says in a last beat that no more requests are wanted. */
export class HeartbeatSender implements AsyncDisposable {
  readonly #options: BeatOptions;
  readonly #deps: BeatDeps;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #isHeard = true;

  constructor(options: BeatOptions, deps: BeatDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#timer = setInterval(() => void this.#beat(false), beatMs).unref();
    void this.#beat(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    await this.#beat(true);
  }

  /** One at a time; never rejects. */
  #beat(isLast: boolean): Promise<void> {
    this.#running ??= this.#send(isLast)
      .then(
        () => this.#note(undefined),
        (error: unknown) => this.#note(error),
      )
      .finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** A proxy that is away for an hour is one line in the log, not thousands. */
  #note(err: unknown): void {
    if (this.#isHeard === (err === undefined)) return;
    this.#isHeard = err === undefined;
    const { url } = this.#options;
    if (this.#isHeard) this.#deps.log.info({ url }, 'heartbeats arrive again');
    else this.#deps.log.warn({ url, err }, 'heartbeats do not arrive');
  }

  #send(isLast: boolean): Promise<void> {
    const { url, address, port } = this.#options;
    const form = heartbeatForm({ balance: this.#deps.balance(), port, isLast });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      ...(isWildcard(address) ? {} : { localAddress: address }),
      signal: AbortSignal.timeout(answerMs),
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`The heartbeat was answered with ${response.statusCode}.`));
    });
    sent.end(form);
    return promise;
  }
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::' || address === '[::]';
}
