// Attaches that clients ask after instead of waiting for them. Only in memory: a restart forgets them.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import { hasEnded } from './attachment.ts';
import type { Attachment } from './attachment.ts';

export const jobLimits = {
  /** Running and ended ones together. */
  jobs: 4096,
  jobsOfOneClient: 256,
  /** How long the result of a job can be asked for. */
  keepMs: 10 * 60_000,
};

export interface Job {
  /** The number of the node and 120 random bits as hex: who knows it may ask and cancel. */
  readonly id: string;
  readonly client: string;
  /** The request that began it. */
  readonly requestId: string;
  readonly attachment: Attachment;
}

interface Entry extends Job {
  readonly cancelled: AbortController;
  expiresAtMs: number;
}

export class Jobs {
  readonly #clock: Clock;
  readonly #nodeNumber: number;
  readonly #entries = new Map<string, Entry>();

  /** A proxy in front of several nodes finds the one of a job by `nodeNumber`, 0 to 255. */
  constructor(clock: Clock, nodeNumber = 0) {
    this.#clock = clock;
    this.#nodeNumber = nodeNumber;
  }

  /** The job of this attachment; a new one if it has none. Throws POW_QUOTA and POW_BUSY when there are too many. */
  jobOf({ attachment, client, requestId }: Omit<Job, 'id'>): Job {
    const known = [...this.#entries.values()].find((entry) => entry.attachment === attachment);
    if (known !== undefined) return known;
    this.#makeRoom(client);
    const id = Buffer.from([this.#nodeNumber, ...randomBytes(15)]).toString('hex');
    const cancelled = new AbortController();
    const entry = { id, client, requestId, attachment, cancelled, expiresAtMs: Infinity };
    this.#entries.set(id, entry);
    attachment.want(cancelled.signal);
    attachment.onEnd(() => {
      entry.expiresAtMs = this.#clock.now() + jobLimits.keepMs;
    });
    return entry;
  }

  /** Throws JOB_NOT_FOUND. */
  get(id: string): Job {
    return this.#entry(id);
  }

  /** Forgets the job; its work ends, unless another request wants the same. Throws JOB_NOT_FOUND. */
  cancel(id: string): void {
    this.#entry(id).cancelled.abort();
    this.#entries.delete(id);
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined && entry.expiresAtMs > this.#clock.now()) return entry;
    this.#entries.delete(id);
    throw new TangleError(
      'JOB_NOT_FOUND',
      'There is no such job: jobs are forgotten some minutes after they end, and when the node restarts.',
    );
  }

  #makeRoom(client: string): void {
    const own = [...this.#entries.values()].filter((entry) => entry.client === client);
    if (own.length >= jobLimits.jobsOfOneClient && !this.#dropEnded(own)) {
      throw new TangleError('POW_QUOTA', 'You have too many jobs; wait until one of them ends.');
    }
    if (this.#entries.size >= jobLimits.jobs && !this.#dropEnded(this.#entries.values())) {
      throw new TangleError('POW_BUSY', 'The node has too many jobs; try again later.');
    }
  }

  /** The oldest of them whose result is there to be read. */
  #dropEnded(entries: Iterable<Entry>): boolean {
    for (const { id, attachment } of entries) {
      if (hasEnded(attachment.state)) return this.#entries.delete(id);
    }
    return false;
  }
}
