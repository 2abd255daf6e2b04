// What stands between a socket and the broker. The broker waits for a socket that is full, and everybody else with
// it; so here nobody waits: what a client has not read is kept up to a limit, and beyond it the client is cut off.
import { Duplex } from 'node:stream';
import { CutOff, PacketGuard } from './packet-guard.ts';
import type { CutOffReason } from './packet-guard.ts';

/** Of what was written and not yet taken by the client's machine; what the system itself keeps comes on top. */
export const maxUnreadBytes = 256 * 1024;

interface Written {
  readonly chunk: Uint8Array;
}
type Done = (error?: Error | null) => void;

export class GuardedConnection extends Duplex {
  readonly #inner: Duplex;
  readonly #guard = new PacketGuard();

  /** Owns the inner stream. */
  constructor(inner: Duplex) {
    // Never full for longer than one turn of the event loop.
    super({ writableHighWaterMark: maxUnreadBytes });
    this.#inner = inner;
    inner.on('data', (chunk: Buffer) => this.#receive(chunk));
    inner.on('end', () => this.push(null));
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Uint8Array, _encoding: unknown, done: Done): void {
    this.#send(chunk);
    done();
  }

  /** A packet comes in several pieces. */
  override _writev(written: readonly Written[], done: Done): void {
    this.#send(Buffer.concat(written.map(({ chunk }) => chunk)));
    done();
  }

  override _final(done: Done): void {
    this.#inner.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#inner.destroy();
    done(error);
  }

  #receive(chunk: Buffer): void {
    const reason = this.#guard.check(chunk);
    if (reason !== undefined) this.#cutOff(reason);
    else if (!this.push(chunk)) this.#inner.pause();
  }

  #send(bytes: Uint8Array): void {
    this.#inner.write(bytes);
    if (this.#inner.writableLength > maxUnreadBytes) this.#cutOff('slow');
  }

  #cutOff(reason: CutOffReason): void {
    this.destroy(new CutOff(reason));
  }
}
