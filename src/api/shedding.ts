// What a request may cost before it is answered: how many headers, how many of its kind at once, and nothing at all
// while the node is late.
import type { FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import type { HolderOf } from './clients.ts';
import { Gate } from './gate.ts';
import { routeLimits } from './limits.ts';
import type { Limits, RouteLimit } from './limits.ts';
import type { ApiServer } from './route.ts';
import { mayDo } from './scopes.ts';

/** Within it the lateness of before has left the measurement. */
const retryLateSeconds = 2;

type Done = (error?: Error) => void;

export interface ShedDeps {
  readonly limits: Pick<Limits, 'maxEventLoopDelayMs'>;
  readonly lateMs: () => number;
}

/**
 * An `onRequest` hook. Without it Node counts up to 2000 headers and drops the others without a word, and one
 * of those may be the one that names the client.
 */
export function refuseManyHeaders({ headerCount }: Pick<Limits, 'headerCount'>) {
  return ({ raw }: FastifyRequest, _reply: unknown, done: Done): void => {
    done(
      raw.rawHeaders.length / 2 > headerCount
        ? new TangleError('HEADERS_TOO_LARGE', `A request has at most ${headerCount} headers.`)
        : undefined,
    );
  };
}

/** An `onRequest` hook: health answers always, and so does the node to its owner. */
export function makeShed({ limits, lateMs }: ShedDeps) {
  const { maxEventLoopDelayMs } = limits;
  return (request: FastifyRequest, _reply: unknown, done: Done): void => {
    const isLate = maxEventLoopDelayMs > 0 && lateMs() > maxEventLoopDelayMs;
    const { limit } = request.declared;
    if (!isLate || limit === 'probe' || mayDo(request.grant, 'admin')) return done();
    const details = { retryAfterSeconds: retryLateSeconds };
    done(new TangleError('OVERLOADED', undefined, { details }));
  };
}

/** One gate for all routes of a kind: what they cost together is what must fit into memory. */
export function addGates(app: ApiServer, holderOf: HolderOf): void {
  const gates = new Map<RouteLimit, Gate>();
  app.addHook('onRoute', (route) => {
    const kind = route.config?.limit;
    const limit = kind && routeLimits[kind];
    if (kind === undefined || limit === undefined) return;
    const gate = gates.get(kind) ?? new Gate(limit, holderOf);
    gates.set(kind, gate);
    const { onRequest = [], onSend = [] } = route;
    // A HEAD route is made of its GET route, hooks included.
    if ([onRequest].flat().includes(gate.enter)) return;
    route.onRequest = [onRequest, gate.enter].flat();
    route.onSend = [onSend, gate.leave].flat();
  });
}
