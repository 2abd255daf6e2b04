// How many requests a client may send.
import type { FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import { ClientRate } from './client-rate.ts';
import { isOwnProgram } from './clients.ts';
import type { ClientOf } from './clients.ts';
import type { Limits } from './limits.ts';

export interface RateDeps {
  readonly clientOf: ClientOf;
  readonly limits: Pick<Limits, 'maxRequestsPerMinute'>;
}

type Done = (error?: Error) => void;

/** An `onRequest` hook that fails with RATE_LIMITED; the caller must be known by then. */
export function makeRateLimit({ clientOf, limits: { maxRequestsPerMinute } }: RateDeps) {
  const rate = new ClientRate(maxRequestsPerMinute);
  return (request: FastifyRequest, _reply: unknown, done: Done): void => {
    if (maxRequestsPerMinute === 0 || isExempt(request)) return done();
    const waitMs = rate.waitMs(clientOf(request));
    done(waitMs === 0 ? undefined : refusal(maxRequestsPerMinute, Math.ceil(waitMs / 1_000)));
  };
}

function refusal(max: number, waitSeconds: number): TangleError {
  return new TangleError(
    'RATE_LIMITED',
    `You may send ${max} requests a minute; the next one is answered in ${waitSeconds} s.`,
    { details: { retryAfterSeconds: waitSeconds } },
  );
}

function isExempt({ declared, raw }: FastifyRequest): boolean {
  return declared.limit === 'probe' || isOwnProgram(raw);
}
