// MQTT on ports of its own, as the field's nodes offer it.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { Handshakes } from '../handshakes.ts';
import { TangleError } from '../../errors.ts';
import { listenError, parseBind, urlHost } from '../bind.ts';
import type { Place } from '../places.ts';
import type { Tls } from '../tls.ts';

/** The field's clients send no pings; a machine that is gone is found by the system. */
const tcpProbeAfterMs = 30_000;
/** As long as the broker then waits for the CONNECT. */
const handshakeMs = 10_000;

export interface MqttListeners extends AsyncDisposable {
  readonly urls: readonly string[];
}

export interface MqttDoor {
  /** A place for one who connects from there, if there is one. */
  readonly enter: (remoteAddress: string) => Place | TangleError;
  /** Owns each connection that has a place. */
  readonly serve: (stream: Duplex) => void;
  readonly tls?: Tls | undefined;
}

/** Throws ADDRESS_IN_USE and CONFIG_INVALID. */
export async function listenForMqtt(
  binds: readonly string[],
  door: MqttDoor,
): Promise<MqttListeners> {
  await using opening = new AsyncDisposableStack();
  const urls: string[] = [];
  for (const text of binds) {
    const { server, protocol, close } = makeServer(door);
    const address = await listen(server, text);
    opening.defer(close);
    urls.push(`${protocol}://${urlHost(address.address)}:${address.port}`);
  }
  const owned = opening.move();
  return { urls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function makeServer({ enter, serve, tls }: MqttDoor) {
  const options = { keepAlive: true, keepAliveInitialDelay: tcpProbeAfterMs, noDelay: true };
  const letIn = (socket: Socket): boolean => {
    const place = enter(socket.remoteAddress ?? '');
    // Before the hello of MQTT nothing can be said.
    if (place instanceof TangleError) socket.destroy();
    else socket.once('close', place.leave);
    return !socket.destroyed;
  };
  if (tls === undefined) {
    const server = createServer(options, (socket) => {
      if (letIn(socket)) serve(socket);
    });
    // Not waited for: the connections end with the broker.
    return { server, protocol: 'mqtt', close: () => void server.close() };
  }
  const secured = { ...options, ...tls.options(), handshakeTimeout: handshakeMs };
  const server = createTlsServer(secured, (socket) => serve(socket));
  server.on('connection', letIn);
  tls.keep(server);
  const handshakes = new Handshakes(server);
  const close = (): void => {
    server.close();
    handshakes.cut();
  };
  return { server, protocol: 'mqtts', close };
}

async function listen(server: Server, text: string): Promise<AddressInfo> {
  const setting = 'mqtt.bind';
  const bind = await parseBind(text, setting);
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: bind.address, port: bind.port }, () => {
        const address = server.address();
        if (address !== null && typeof address === 'object') resolve(address);
      });
    });
  } catch (error) {
    throw listenError(text, error, setting);
  }
}
