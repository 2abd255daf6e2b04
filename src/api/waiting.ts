// What answers at the address of the API before the node can serve: health with the progress of the start, and
// 503 for everything else.
import assert from 'node:assert/strict';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { TangleError } from '../errors.ts';
import { listenError, parseBind } from './bind.ts';
import { makeHttpServer } from './http-server.ts';
import type { HttpServer } from './http-server.ts';
import { defaultLimits as limits } from './limits.ts';
import { problemOf } from './problem.ts';
import type { HealthCheck } from './routes/health.ts';
import type { Tls } from './tls.ts';

export interface WaitingRoom extends AsyncDisposable {
  readonly port: number;
}

/** Until it is disposed of. Throws ADDRESS_IN_USE and CONFIG_INVALID as the API does. */
export async function openWaitingRoom(
  bindText: string,
  progress: () => string,
  tls?: Tls,
): Promise<WaitingRoom> {
  const bind = await parseBind(bindText);
  const http = makeHttpServer(limits, tls, (request, response) => {
    answer(request, response, progress());
  });
  const { server } = http;
  server.maxConnections = limits.maxConnections;
  await listen(server, { host: bind.address, port: bind.port }).catch((error: unknown) => {
    throw listenError(bindText, error);
  });
  const listening = server.address();
  assert(typeof listening === 'object' && listening !== null);
  return { port: listening.port, [Symbol.asyncDispose]: () => leave(http) };
}

function listen(server: Server, at: { readonly host: string; readonly port: number }) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(at, resolve);
  return promise;
}

/** Nobody waits for an answer here, so nothing is lost with the connections. May be called again. */
async function leave({ server, cut }: HttpServer): Promise<void> {
  if (!server.listening) return;
  const closed = server[Symbol.asyncDispose]();
  cut();
  await closed;
}

function answer({ url = '/' }: IncomingMessage, response: ServerResponse, progress: string): void {
  const path = url.replace(/\?.*$/s, '');
  response.setHeader('connection', 'close');
  response.setHeader('access-control-allow-origin', '*');
  if (path === '/health') {
    response.writeHead(503, { 'retry-after': '1' }).end();
    return;
  }
  if (path === '/api/midge/v1/health') {
    const checks: HealthCheck[] = [{ name: 'start', ok: false, reason: progress }];
    send(response, 200, { data: { isHealthy: false, checks } });
    return;
  }
  const { status, headers, body } = problemOf(
    new TangleError('STARTING', `${progress} Try again in a moment.`),
    'start',
  );
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  send(response, status, body);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
