// Tells neighbours of our own log, whoever asks: so many at a time, and no faster than all together may be told.
import type { Clock, SetTimer } from '../clock.ts';
import { Allowance } from './allowance.ts';
import { logAnswers } from './limits.ts';
import { watchStall } from './stall.ts';
import type { SyncChannel } from './sync-channel.ts';
import { serveLog } from './sync-log.ts';
import type { ReadableLog } from './sync-log.ts';

/** Neighbours served at the same time, once each; each holds about 300 KiB. */
const maxServed = 32;

export interface LogServerDeps {
  readonly store: ReadableLog;
  readonly onNudge: (peerId: string) => void;
  readonly onFailure: (peerId: string, channel: SyncChannel, error: unknown) => void;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
}

export class LogServer {
  readonly #deps: LogServerDeps;
  readonly #served = new Map<string, SyncChannel>();
  readonly #answers: Allowance;
  toldBytes = 0;

  constructor(deps: LogServerDeps) {
    this.#deps = deps;
    this.#answers = new Allowance(logAnswers, deps);
  }

  /** Never throws; done when the conversation is. */
  async accept(peerId: string, channel: SyncChannel): Promise<void> {
    if (this.#served.has(peerId) || this.#served.size >= maxServed) {
      channel.abort(new Error('too many conversations'));
      return;
    }
    this.#served.set(peerId, channel);
    const stall = watchStall(channel, this.#deps.setTimer);
    try {
      const first = await channel.receive();
      if (first?.type === 'nudge') this.#deps.onNudge(peerId);
      else if (first !== undefined) {
        await serveLog(channel, first, {
          log: this.#deps.store,
          onAnswered: stall.reset,
          spend: (sizeBytes) => this.#spend(sizeBytes),
        });
      }
      await channel.close();
    } catch (error) {
      this.#deps.onFailure(peerId, channel, error);
    } finally {
      stall.cancel();
      this.#served.delete(peerId);
    }
  }

  /** Ends all conversations. */
  close(): void {
    for (const channel of this.#served.values()) channel.abort(new Error('the node stops'));
  }

  #spend(sizeBytes: number): Promise<void> {
    this.toldBytes += sizeBytes;
    return this.#answers.spend(sizeBytes);
  }
}
