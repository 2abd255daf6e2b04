// MQTT on ports of its own, as the field's nodes offer it.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenError, parseBind, urlHost } from '../bind.ts';

/** The field's clients send no pings; a machine that is gone is found by the system. */
const tcpProbeAfterMs = 30_000;

export interface MqttListeners extends AsyncDisposable {
  readonly urls: readonly string[];
}

/** `serve` owns each connection. Throws ADDRESS_IN_USE and CONFIG_INVALID. */
export async function listenForMqtt(
  binds: readonly string[],
  serve: (stream: Duplex) => void,
): Promise<MqttListeners> {
  await using opening = new AsyncDisposableStack();
  const urls: string[] = [];
  for (const text of binds) {
    const { server, address } = await listen(text, serve);
    // Not waited for: the connections end with the broker.
    opening.defer(() => void server.close());
    urls.push(`mqtt://${urlHost(address.address)}:${address.port}`);
  }
  const owned = opening.move();
  return { urls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function listen(
  text: string,
  serve: (stream: Duplex) => void,
): Promise<{ readonly server: Server; readonly address: AddressInfo }> {
  const setting = 'mqtt.bind';
  const bind = await parseBind(text, setting);
  const options = { keepAlive: true, keepAliveInitialDelay: tcpProbeAfterMs, noDelay: true };
  const server = createServer(options, (socket: Socket) => serve(socket));
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: bind.address, port: bind.port }, () => {
        const address = server.address();
        if (address !== null && typeof address === 'object') resolve({ server, address });
      });
    });
  } catch (error) {
    throw listenError(text, error, setting);
  }
}
