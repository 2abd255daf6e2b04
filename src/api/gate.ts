// Lets so many requests of a kind in at a time; as many more may wait for it, in the order in which they came, but not
// all of them of one client.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import type { HolderOf } from './clients.ts';
import type { Throughput } from './limits.ts';
import { Places } from './places.ts';
import type { Place } from './places.ts';

type Done = (error?: Error) => void;
/** What an `onSend` hook is given after the request. */
type SendRest = readonly [reply: unknown, payload: unknown, done: Done];

interface Visit {
  readonly enter: () => void;
  hasLeft: boolean;
  /** While it waits. */
  place?: Place;
}

export class Gate {
  readonly #limit: Throughput;
  readonly #holderOf: HolderOf;
  readonly #waiting = new Set<Visit>();
  readonly #places: Places;
  readonly #visits = new WeakMap<FastifyRequest, Visit>();
  #inside = 0;

  constructor(limit: Throughput, holderOf: HolderOf) {
    this.#limit = limit;
    this.#holderOf = holderOf;
    this.#places = new Places(limit.waiting, { full: 'ROUTE_BUSY', share: 'ROUTE_QUOTA' });
  }

  /** An `onRequest` hook. Fails with ROUTE_BUSY and ROUTE_QUOTA. */
  readonly enter = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const visit: Visit = { enter: done, hasLeft: false };
    if (this.#inside < this.#limit.atOnce) {
      this.#inside += 1;
    } else {
      const place = this.#places.take(this.#holderOf(request));
      if (place instanceof TangleError) return done(place);
      visit.place = place;
      this.#waiting.add(visit);
    }
    this.#visits.set(request, visit);
    reply.raw.once('close', () => this.#leave(visit));
    if (!this.#waiting.has(visit)) done();
  };

  /** An `onSend` hook: an answer that is made is only bytes, and whoever reads it slowly holds nobody up. */
  readonly leave = (request: FastifyRequest, ...[, , done]: SendRest): void => {
    const visit = this.#visits.get(request);
    if (visit !== undefined) this.#leave(visit);
    done();
  };

  #leave(visit: Visit): void {
    if (visit.hasLeft) return;
    visit.hasLeft = true;
    visit.place?.leave();
    if (this.#waiting.delete(visit)) return;
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.place?.leave();
    // Not at once: whoever is refused when let in leaves at once, and 500 of them in each other overflow the stack.
    queueMicrotask(() => next.enter());
  }
}
