// Lets so many requests of a kind in at a time; as many more may wait for it, in the order in which they came.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import type { Throughput } from './limits.ts';

type Done = (error?: Error) => void;

interface Visit {
  readonly enter: () => void;
  hasLeft: boolean;
}

export class Gate {
  readonly #limit: Throughput;
  readonly #waiting = new Set<Visit>();
  readonly #visits = new WeakMap<FastifyRequest, Visit>();
  #inside = 0;

  constructor(limit: Throughput) {
    this.#limit = limit;
  }

  /** An `onRequest` hook. Fails with ROUTE_BUSY. */
  readonly enter = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const visit: Visit = { enter: done, hasLeft: false };
    if (this.#inside < this.#limit.atOnce) {
      this.#inside += 1;
    } else if (this.#waiting.size < this.#limit.waiting) {
      this.#waiting.add(visit);
    } else {
      done(new TangleError('ROUTE_BUSY'));
      return;
    }
    this.#visits.set(request, visit);
    reply.raw.once('close', () => this.#leave(visit));
    if (!this.#waiting.has(visit)) done();
  };

  /** An `onSend` hook: an answer that is made is only bytes, and whoever reads it slowly holds nobody up. */
  readonly leave = async (request: FastifyRequest): Promise<void> => {
    const visit = this.#visits.get(request);
    if (visit !== undefined) this.#leave(visit);
  };

  #leave(visit: Visit): void {
    if (visit.hasLeft) return;
    visit.hasLeft = true;
    if (this.#waiting.delete(visit)) return;
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }
}
