// MQTT on ports of its own, as the field's nodes offer it.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { listenError, parseBind, urlHost } from '../bind.ts';
import type { Tls } from '../tls.ts';

/** The field's clients send no pings; a machine that is gone is found by the system. */
const tcpProbeAfterMs = 30_000;
/** As long as the broker then waits for the CONNECT. */
const handshakeMs = 10_000;

export interface MqttListeners extends AsyncDisposable {
  readonly urls: readonly string[];
}

/** `serve` owns each connection. Throws ADDRESS_IN_USE and CONFIG_INVALID. */
export async function listenForMqtt(
  binds: readonly string[],
  serve: (stream: Duplex) => void,
  tls?: Tls,
): Promise<MqttListeners> {
  await using opening = new AsyncDisposableStack();
  const urls: string[] = [];
  for (const text of binds) {
    const server = makeServer(serve, tls);
    const address = await listen(server, text);
    // Not waited for: the connections end with the broker.
    opening.defer(() => void server.close());
    const protocol = tls === undefined ? 'mqtt' : 'mqtts';
    urls.push(`${protocol}://${urlHost(address.address)}:${address.port}`);
  }
  const owned = opening.move();
  return { urls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function makeServer(serve: (stream: Duplex) => void, tls: Tls | undefined): Server {
  const options = { keepAlive: true, keepAliveInitialDelay: tcpProbeAfterMs, noDelay: true };
  if (tls === undefined) return createServer(options, (socket: Socket) => serve(socket));
  const secured = { ...options, ...tls.options(), handshakeTimeout: handshakeMs };
  const server = createTlsServer(secured, (socket) => serve(socket));
  tls.keep(server);
  return server;
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
