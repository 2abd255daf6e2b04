// Requests whose path the router cannot read. It answers them before any hook runs, so they would have no limit and be
// counted nowhere; here they take the way of all others, and are refused where one without a route is.
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';

export class Unroutable {
  readonly #faults = new WeakMap<IncomingMessage, Error>();
  readonly #urls = new WeakMap<IncomingMessage, string>();

  /** From now on its path is one that can be read, and has no route. */
  note({ raw }: FastifyRequest, fault: Error): void {
    this.#faults.set(raw, fault);
    this.#urls.set(raw, raw.url ?? '');
    raw.url = '/';
  }

  /** As it came. */
  urlOf({ raw }: FastifyRequest): string {
    return this.#urls.get(raw) ?? raw.url ?? '';
  }

  /** What is wrong with the path that came. */
  faultOf({ raw }: FastifyRequest): Error | undefined {
    return this.#faults.get(raw);
  }
}

/** Without the query. */
export function pathOf(url: string): string {
  return url.replace(/\?.*$/s, '');
}
