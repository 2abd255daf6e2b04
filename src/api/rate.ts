// How many requests a client may send.
import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import { isOwnProgram } from './clients.ts';
import type { ClientOf } from './clients.ts';
import type { Limits } from './limits.ts';
import type { ApiServer } from './route.ts';

/** Counted at a time, 1 MB of memory; beyond them the one that was silent longest is forgotten. */
const countedClients = 5_000;
const windowMs = 60_000;

export interface RateDeps {
  readonly clientOf: ClientOf;
  readonly limits: Pick<Limits, 'maxRequestsPerMinute'>;
}

/** Adds an `onRequest` hook that fails with RATE_LIMITED; the caller must be known by then. */
export function addRateLimit(app: ApiServer, { clientOf, limits }: RateDeps): void {
  const max = limits.maxRequestsPerMinute;
  if (max === 0) return;
  void app.register(rateLimit, {
    global: false,
    max,
    timeWindow: windowMs,
    cache: countedClients,
    keyGenerator: (request) => clientOf(request),
  });
  let count: ReturnType<typeof app.createRateLimit> | undefined;
  app.addHook('onRequest', (request, _reply, done) => {
    if (isExempt(request)) return done();
    count ??= app.createRateLimit();
    const decide = (seen: Seen): void => done(refusalOf(seen));
    count(request).then(decide, done);
  });
}

type Seen = Awaited<ReturnType<ReturnType<ApiServer['createRateLimit']>>>;

function refusalOf(seen: Seen): TangleError | undefined {
  if (seen.isAllowed || !seen.isExceeded) return undefined;
  return new TangleError(
    'RATE_LIMITED',
    `You may send ${seen.max} requests a minute; the next one is answered in ${seen.ttlInSeconds} s.`,
    { details: { retryAfterSeconds: Math.max(1, seen.ttlInSeconds) } },
  );
}

function isExempt({ routeOptions, raw }: FastifyRequest): boolean {
  return routeOptions.config.limit === 'probe' || isOwnProgram(raw);
}
