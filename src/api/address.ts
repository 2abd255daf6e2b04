// The address of the API, from the start of the node to its end: one server with its limits, listened on once, whoever
// answers there.
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { listenError, parseBind, urlHost } from './bind.ts';
import type { Bind } from './bind.ts';
import { clientAt, makeStandsForMany } from './clients.ts';
import { Connections } from './connections.ts';
import type { ApiCounts } from './counts.ts';
import { plainHttpCode } from './handshakes.ts';
import { makeHttpServer } from './http-server.ts';
import type { HttpServer } from './http-server.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import type { Tls } from './tls.ts';

export interface AddressOptions extends Partial<Limits> {
  /** `HOST:PORT`; port 0 asks for a free one. */
  readonly bind: string;
  /** Addresses and networks (`10.0.0.0/8`) whose X-Forwarded-For names the client. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Plain HTTP when absent. */
  readonly tls?: Tls | undefined;
}

/** Closed by whoever answers last; disposed of, it cuts what is open. */
export interface ApiAddress extends AsyncDisposable {
  readonly bind: Bind;
  readonly server: HttpServer['server'];
  readonly connections: Connections;
  /** As in a URL: an IPv6 address in brackets. */
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** From now on. Before the first comes, requests get no answer. */
  answerWith(listener: RequestListener): void;
  /** Answers that are being written may take so long, then they are cut. May be called again. */
  close(graceMs: number): Promise<void>;
}

/** Throws ADDRESS_IN_USE, and CONFIG_INVALID for an address that is none of this machine's. */
export async function openAddress(options: AddressOptions, counts: ApiCounts): Promise<ApiAddress> {
  const bind = await parseBind(options.bind);
  const limits = { ...defaultLimits, ...options };
  const http = makeHttpServer(limits, options.tls);
  const { server } = http;
  const connections = new Connections(limits, {
    clientAt,
    standsForMany: makeStandsForMany(options.trustedProxies),
    onCut: (reason) => counts.countCut(reason),
  });
  connections.watch(server);
  counts.maxConnections = limits.maxConnections;
  countConnections(http, counts);
  // Else Node answers these with 417 by itself, as often and as many at once as a client likes.
  server.on('checkExpectation', (...exchange) => server.emit('request', ...exchange));
  await listen(http, bind).catch((error: unknown) => {
    throw listenError(options.bind, error);
  });
  const listening = server.address();
  assert(typeof listening === 'object' && listening !== null);
  const { port } = listening;
  const host = urlHost(listening.address);
  const close = (graceMs: number): Promise<void> => closeServer(http, graceMs);
  return {
    bind,
    server,
    connections,
    host,
    port,
    url: `${http.protocol}://${host}:${port}`,
    answerWith: (listener) => {
      server.removeAllListeners('request').on('request', listener);
    },
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

function countConnections({ server }: HttpServer, counts: ApiCounts): void {
  server.on('connection', (socket: Socket) => {
    counts.connections += 1;
    socket.once('close', () => {
      counts.connections -= 1;
    });
  });
  server.on('tlsClientError', ({ code }: NodeJS.ErrnoException) => {
    counts.countCut(code === plainHttpCode ? 'plain_http' : 'handshake');
  });
}

function listen({ server }: HttpServer, { address: host, port }: Bind): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  return promise;
}

async function closeServer({ server, cut }: HttpServer, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = server[Symbol.asyncDispose]();
  const cutOff = setTimeout(cut, graceMs);
  await closed;
  clearTimeout(cutOff);
}
