// Who may hold how many connections. When all are taken, one that asks for nothing makes room for a newcomer, so that
// nobody can shut others out by opening many.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { CutReason } from './counts.ts';
import { ClientRate } from './client-rate.ts';

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** So many connections a client may open in a minute, too. */
  readonly maxRequestsPerMinute: number;
}

export interface ConnectionsDeps {
  /** Whom an address counts for. */
  readonly clientAt: (address: string) => string;
  /** Loopback and trusted proxies stand for many, and are counted in the total only. */
  readonly standsForMany: (address: string) => boolean;
  readonly onCut: (reason: CutReason) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly client: string;
  request?: IncomingMessage;
  response?: ServerResponse;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #deps: ConnectionsDeps;
  readonly #rate: ClientRate;
  /** By the address and port of the other side: behind TLS a request has another socket object than its connection. */
  readonly #connections = new Map<string, Connection>();
  /** Of those that asked before, by the socket of the request. */
  readonly #ofSocket = new WeakMap<Socket, Connection>();
  /** In the order in which they came. */
  readonly #byClient = new Map<string, Set<Connection>>();

  constructor(limits: ConnectionLimits, deps: ConnectionsDeps) {
    this.#limits = limits;
    this.#deps = deps;
    this.#rate = new ClientRate(limits.maxRequestsPerMinute);
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#take(socket));
  }

  /** Told of every request. */
  note(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#ofSocket.get(socket) ?? this.#connections.get(placeOf(socket));
    if (connection === undefined) return;
    this.#ofSocket.set(socket, connection);
    connection.request = request;
    connection.response = response;
  }

  #take(socket: Socket): void {
    const { remoteAddress: address = '' } = socket;
    const client = this.#deps.clientAt(address);
    const own = this.#byClient.get(client) ?? new Set();
    const { maxConnections } = this.#limits;
    const refusal = this.#deps.standsForMany(address) ? undefined : this.#refusal(client, own.size);
    const isFull = this.#connections.size >= maxConnections;
    if (refusal !== undefined || (isFull && !this.#makeRoom(own.size))) {
      this.#deps.onCut(refusal ?? 'full');
      socket.destroy();
      return;
    }
    const connection: Connection = { socket, client };
    const place = placeOf(socket);
    this.#connections.set(place, connection);
    this.#byClient.set(client, own.add(connection));
    socket.once('close', () => {
      if (this.#connections.get(place) === connection) this.#connections.delete(place);
      own.delete(connection);
      if (own.size === 0 && this.#byClient.get(client) === own) this.#byClient.delete(client);
    });
  }

  /** Why a client gets no more of them. */
  #refusal(client: string, ownCount: number): CutReason | undefined {
    if (ownCount >= this.#limits.maxConnectionsPerClient) return 'client_connections';
    return this.#rate.waitMs(client) === 0 ? undefined : 'client_rate';
  }

  /** Of the client that has most of them, but not of one that has fewer than the newcomer. */
  #makeRoom(ownCount: number): boolean {
    let most = ownCount - 1;
    let victim: Connection | undefined;
    for (const connections of this.#byClient.values()) {
      if (connections.size <= most) continue;
      const found = idleOf(connections);
      if (found === undefined) continue;
      most = connections.size;
      victim = found;
    }
    if (victim === undefined) return false;
    this.#forget(victim);
    this.#deps.onCut('made_room');
    victim.socket.destroy();
    return true;
  }

  /** At once: its socket tells of its end only later, and by then others have come. */
  #forget(connection: Connection): void {
    this.#connections.delete(placeOf(connection.socket));
    this.#byClient.get(connection.client)?.delete(connection);
  }
}

/** The oldest that never asked for anything, else the oldest that does not now. */
function idleOf(connections: Iterable<Connection>): Connection | undefined {
  let idle: Connection | undefined;
  for (const connection of connections) {
    const { request, response } = connection;
    if (request === undefined) return connection;
    // What has not arrived may never do, and what is answered only waits to be read.
    const isWorkedOn = request.complete && response?.writableEnded === false;
    if (!isWorkedOn) idle ??= connection;
  }
  return idle;
}

/** The same below TLS and above it, where the sockets are not. */
export function placeOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
