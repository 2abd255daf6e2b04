// The HTTP server below the API: its limits, with TLS or without.
import { createServer as createHttp } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { Handshakes } from './handshakes.ts';
import type { Limits } from './limits.ts';
import type { Tls } from './tls.ts';

export interface HttpServer {
  readonly server: Server;
  readonly protocol: 'http' | 'https';
  /** Cuts every connection, whatever is under way on it. */
  readonly cut: () => void;
}

export function makeHttpServer(limits: Limits, tls?: Tls): HttpServer {
  const options = {
    requestTimeout: limits.requestMs,
    headersTimeout: limits.headersMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    maxHeaderSize: limits.headerBytes,
    keepAlive: true,
    keepAliveInitialDelay: limits.tcpProbeAfterMs,
  };
  if (tls === undefined) {
    const server = createHttp(options).setTimeout(limits.silenceMs);
    return { server, protocol: 'http', cut: () => server.closeAllConnections() };
  }
  const secured = { ...options, ...tls.options(), handshakeTimeout: limits.handshakeMs };
  const server = createHttps(secured).setTimeout(limits.silenceMs);
  tls.keep(server);
  const handshakes = new Handshakes(server);
  const cut = (): void => {
    handshakes.cut();
    server.closeAllConnections();
  };
  return { server, protocol: 'https', cut };
}
