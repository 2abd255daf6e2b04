// What answers at the address of the API before the node can serve: health with the progress of the start, and
// 503 for everything else.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TangleError } from '../errors.ts';
import { openAddress } from './address.ts';
import type { AddressOptions, ApiAddress } from './address.ts';
import type { Answered } from './app.ts';
import { makeHostGuard } from './bind.ts';
import { pathOf } from './unroutable.ts';
import { isOwnProgram, makeAddressOf } from './clients.ts';
import { ClientRate } from './client-rate.ts';
import type { ApiCounts } from './counts.ts';
import { defaultLimits } from './limits.ts';
import { problemOf } from './problem.ts';
import type { HealthCheck } from './routes/health.ts';

export interface WaitingDeps {
  readonly counts: ApiCounts;
  readonly progress: () => string;
  /** Told of every answer. */
  readonly onAnswer?: ((answer: Answered) => void) | undefined;
}

const healthRoute = '/health';
const checksRoute = '/api/midge/v1/health';

/** Answers until somebody else does, who is handed the address. Throws as `openAddress` does. */
export async function openWaiting(
  options: AddressOptions,
  { counts, progress, onAnswer }: WaitingDeps,
): Promise<ApiAddress> {
  const address = await openAddress(options, counts);
  const { trustedProxies, maxRequestsPerMinute } = { ...defaultLimits, ...options };
  const rate = new ClientRate(maxRequestsPerMinute);
  const addressOf = makeAddressOf(trustedProxies);
  const hostFaultOf = makeHostGuard(address.bind);
  const refuse = (error: TangleError, response: ServerResponse): void => {
    counts.refuse(error.code);
    const { status, headers, body } = problemOf(error, 'start');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    send(response, status, body);
  };
  address.answerWith((request, response) => {
    address.connections.note(request, response);
    if (onAnswer !== undefined) tellAnswer(request, response, onAnswer);
    response.setHeader('connection', 'close');
    const hostFault = hostFaultOf(request);
    // Before web pages may read anything.
    if (hostFault !== undefined) return refuse(hostFault, response);
    response.setHeader('access-control-allow-origin', '*');
    if (tellHealth(request, response, progress())) return;
    const isAllowed = isOwnProgram(request) || rate.waitMs(addressOf(request)) === 0;
    const error = isAllowed
      ? new TangleError('STARTING', `${progress()} Try again in a moment.`)
      : new TangleError('RATE_LIMITED');
    refuse(error, response);
  });
  return address;
}

/** To everybody, however often; false when that was not asked. */
function tellHealth(
  { url = '/' }: IncomingMessage,
  response: ServerResponse,
  reason: string,
): boolean {
  const path = pathOf(url);
  if (path === healthRoute) {
    response.writeHead(503, { 'retry-after': '1' }).end();
    return true;
  }
  if (path !== checksRoute) return false;
  const checks: HealthCheck[] = [{ name: 'start', ok: false, reason }];
  send(response, 200, { data: { isHealthy: false, checks } });
  return true;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

function tellAnswer(
  { method = '', url = '/' }: IncomingMessage,
  response: ServerResponse,
  onAnswer: (answer: Answered) => void,
): void {
  const beganMs = performance.now();
  const path = pathOf(url);
  const route = [healthRoute, checksRoute].includes(path) ? path : 'unknown';
  response.once('finish', () => {
    const durationMs = performance.now() - beganMs;
    onAnswer({ method, route, status: response.statusCode, durationMs });
  });
}
