// The REST API: opens it on an address and closes it within a second.
import { openAddress } from './address.ts';
import type { AddressOptions, ApiAddress } from './address.ts';
import { makeApp } from './app.ts';
import type { AppDeps } from './app.ts';
import { makeAddressOf, makeClientOf } from './clients.ts';
import { defaultLimits } from './limits.ts';
import type { ApiServer } from './route.ts';
import { addRoutes } from './routes.ts';
import type { RouteDeps } from './routes.ts';
import type { GrantOf, Scope } from './scopes.ts';

export type { Answered } from './app.ts';
export type { HealthCheck } from './routes/health.ts';
export type { NodeInfo } from './routes/info.ts';

export interface ApiOptions extends AddressOptions {
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

export type Api = Pick<ApiAddress, 'host' | 'port' | 'url'> & AsyncDisposable;

/** How long answers that are being written may take once the API closes. */
const graceMs = 500;

/**
 * At an address that is open already, or at that of the options. Throws ADDRESS_IN_USE, and CONFIG_INVALID for an address
 * that is none of this machine's.
 */
export async function openApi(
  options: ApiOptions,
  deps: ApiDeps,
  opened?: ApiAddress,
): Promise<Api> {
  const address = opened ?? (await openAddress(options, deps.counts));
  const { server, bind, connections, host, port, url } = address;
  const stopping = new AbortController();
  const { log, grantOf, onAnswer, counts, lateMs = () => 0 } = deps;
  const limits = { ...defaultLimits, ...options };
  const access = { grantOf, publicScopes: options.publicScopes ?? defaultPublicScopes };
  const clientOf = makeClientOf(makeAddressOf(options.trustedProxies));
  const parts = { server, bind, access, log, counts, onAnswer, clientOf, limits, lateMs };
  const app = makeApp({ ...parts, stopping: stopping.signal });
  app.addHook('onRequest', (request, reply, done) => {
    connections.note(request.raw, reply.raw);
    done();
  });
  const { nodeNumber } = options;
  addRoutes(app, { ...deps, clientOf, nodeNumber, stopping: stopping.signal });
  // Before all hooks are in place nobody is let in.
  await app.ready();
  address.answerWith((request, response) => app.routing(request, response));
  return { host, port, url, [Symbol.asyncDispose]: () => closeApp(app, address, stopping) };
}

/** Attaches that run answer 503 at once; whoever is slower to read than the grace is cut off. */
async function closeApp(app: ApiServer, address: ApiAddress, stopping: AbortController) {
  stopping.abort();
  const closed = address.close(graceMs);
  await app.close();
  await closed;
}
