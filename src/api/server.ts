// The REST API: opens it on an address and closes it within a second.
import assert from 'node:assert/strict';
import { makeApp } from './app.ts';
import type { AppDeps } from './app.ts';
import { listenError, parseBind, urlHost } from './bind.ts';
import { clientAt, makeAddressOf, makeClientOf, makeStandsForMany } from './clients.ts';
import { Connections } from './connections.ts';
import { plainHttpCode } from './handshakes.ts';
import { makeHttpServer } from './http-server.ts';
import type { HttpServer } from './http-server.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import type { ApiServer } from './route.ts';
import { addRoutes } from './routes.ts';
import type { RouteDeps } from './routes.ts';
import type { GrantOf, Scope } from './scopes.ts';
import type { Tls } from './tls.ts';

export type { Answered } from './app.ts';
export type { HealthCheck } from './routes/health.ts';
export type { NodeInfo } from './routes/info.ts';

export interface ApiOptions extends Partial<Limits> {
  /** `HOST:PORT`; port 0 asks for a free one. */
  readonly bind: string;
  /** Addresses and networks (`10.0.0.0/8`) whose X-Forwarded-For names the client. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Plain HTTP when absent. */
  readonly tls?: Tls | undefined;
  /** Ids of jobs begin with it; 0 when absent. */
  readonly nodeNumber?: number | undefined;
  /** What callers without a token may do; all but admin when absent. */
  readonly publicScopes?: readonly Exclude<Scope, 'admin'>[] | undefined;
}

export interface ApiDeps extends Omit<RouteDeps, 'stopping' | 'clientOf' | 'nodeNumber'> {
  readonly grantOf: GrantOf;
  readonly onAnswer?: AppDeps['onAnswer'];
  /** How late the event loop is of late; never when absent. */
  readonly lateMs?: AppDeps['lateMs'] | undefined;
}

const defaultPublicScopes = ['read', 'attach', 'pow'] as const;

export interface Api extends AsyncDisposable {
  /** As in a URL: an IPv6 address in brackets. */
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** How long answers that are being written may take once the API closes. */
const graceMs = 500;

/** Throws ADDRESS_IN_USE, and CONFIG_INVALID for an address that is none of this machine's. */
export async function openApi(options: ApiOptions, deps: ApiDeps): Promise<Api> {
  const bind = await parseBind(options.bind);
  const stopping = new AbortController();
  const { log, grantOf, onAnswer, counts, lateMs = () => 0 } = deps;
  const { trustedProxies, nodeNumber } = options;
  const limits = { ...defaultLimits, ...options };
  const access = { grantOf, publicScopes: options.publicScopes ?? defaultPublicScopes };
  const clientOf = makeClientOf(makeAddressOf(trustedProxies));
  const http = makeHttpServer(limits, options.tls);
  const { server } = http;
  const parts = { server, bind, access, log, counts, onAnswer, clientOf, limits, lateMs };
  const app = makeApp({ ...parts, stopping: stopping.signal });
  const connections = new Connections(limits, {
    clientAt,
    standsForMany: makeStandsForMany(trustedProxies),
    onCut: (reason) => counts.countCut(reason),
  });
  connections.watch(server);
  server.on('tlsClientError', ({ code }: NodeJS.ErrnoException) => {
    counts.countCut(code === plainHttpCode ? 'plain_http' : 'handshake');
  });
  app.addHook('onRequest', (request, reply, done) => {
    connections.note(request.raw, reply.raw);
    done();
  });
  addRoutes(app, { ...deps, clientOf, nodeNumber, stopping: stopping.signal });
  try {
    await app.listen({ host: bind.address, port: bind.port });
  } catch (error) {
    await app.close();
    throw listenError(options.bind, error);
  }
  const listening = app.server.address();
  assert(typeof listening === 'object' && listening !== null);
  const { port } = listening;
  const host = urlHost(listening.address);
  return {
    host,
    port,
    url: `${http.protocol}://${host}:${port}`,
    [Symbol.asyncDispose]: () => closeApp(app, http, stopping),
  };
}

/** Attaches that run answer 503 at once; whoever is slower to read than the grace is cut off. */
async function closeApp(app: ApiServer, http: HttpServer, stopping: AbortController) {
  stopping.abort();
  const cutOff = setTimeout(() => http.cut(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cutOff);
  }
}
