// Connections to a TLS server whose handshake is not done: no request and no client knows them yet, and Node's own
// way of closing all connections passes them by.
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { TangleError } from '../errors.ts';
import { rawProblem } from './broken-requests.ts';
import { placeOf } from './connections.ts';

/** Node's word for a plain request. */
export const plainHttpCode = 'ERR_SSL_HTTP_REQUEST';

export class Handshakes {
  /** The sockets below TLS, by the other side. */
  readonly #open = new Map<string, Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => this.#begin(socket));
    server.on('secureConnection', (socket: TLSSocket) => this.#open.delete(placeOf(socket)));
    // Node's own listener takes a failed handshake for a request that cannot be read.
    server.removeAllListeners('tlsClientError');
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      if (error.code === plainHttpCode) this.#tellToUseTls(socket);
      else socket.destroy();
    });
  }

  /** Ends them all. */
  cut(): void {
    for (const socket of this.#open.values()) socket.destroy();
  }

  #begin(socket: Socket): void {
    const place = placeOf(socket);
    this.#open.set(place, socket);
    socket.once('close', () => {
      if (this.#open.get(place) === socket) this.#open.delete(place);
    });
  }

  /** In plain HTTP, as it was asked. TLS has let go of the socket by then, so it can be written to. */
  #tellToUseTls(socket: TLSSocket): void {
    const raw = this.#open.get(placeOf(socket));
    if (raw === undefined || raw.destroyed) return;
    raw.end(rawProblem(new TangleError('TLS_REQUIRED'), 'tls'), () => raw.destroy());
  }
}
