// Who may hold how many places, alone and by every way in.
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import { listenForMqtt } from '../../src/api/mqtt/tcp.ts';
import { Places, orThrow } from '../../src/api/places.ts';
import { maxEventListeners } from '../../src/api/routes/events.ts';
import { openApi } from '../../src/api/server.ts';
import type { Api } from '../../src/api/server.ts';
import { standIns } from './harness.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

describe('places', () => {
  it('are for all together, and a quarter of them for one', () => {
    const places = new Places(8);
    const held = ['a', 'a', 'b', 'b', 'c', 'c'].map((client) => orThrow(places.take(client)));
    expect(places.take('a')).toEqual(code('LISTENER_QUOTA'));
    // Own programs take what they like.
    held.push(orThrow(places.take(undefined)), orThrow(places.take(undefined)));
    expect(places.take('d')).toEqual(code('TOO_MANY_LISTENERS'));
    expect(places.take('a')).toEqual(code('LISTENER_QUOTA'));
    // Leaving twice gives back one.
    held[0]?.leave();
    held[0]?.leave();
    orThrow(places.take('d'));
    expect(places.take('d')).toEqual(code('TOO_MANY_LISTENERS'));
  });

  it('are at least one for everybody', () => {
    const places = new Places(1);
    const place = orThrow(places.take('a'));
    place.leave();
    orThrow(places.take('b'));
    expect(places.take('b')).toEqual(code('LISTENER_QUOTA'));
  });
});

const quarter = maxEventListeners / 4;
const from = (address: string) => ({ 'x-forwarded-for': address });

async function listen(api: Api, headers: Record<string, string>): Promise<IncomingMessage> {
  const asked = request(`${api.url}/api/midge/v1/events`, { headers, agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

const proxied = (deps = standIns): Promise<Api> =>
  openApi({ bind: '127.0.0.1:0', trustedProxies: ['127.0.0.1'] }, deps);

describe('a client of server-sent events behind a trusted proxy', () => {
  it('holds no more than a quarter of the places; others get theirs, and it when it leaves', async () => {
    await using api = await proxied();
    const greedy: IncomingMessage[] = [];
    for (let count = 0; count < quarter; count += 1) {
      greedy.push(await listen(api, from('203.0.113.7')));
    }
    expect(greedy.map(({ statusCode }) => statusCode)).toEqual(greedy.map(() => 200));
    // What stands left of the proxy's own word is the client's.
    for (const claim of ['203.0.113.7', '198.51.100.1, 203.0.113.7']) {
      const refused = await listen(api, from(claim));
      expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '5']);
      expect(await text(refused)).toContain('"reason":"listener_quota"');
    }
    // Who shows a token is known by it, and programs of this machine are the owner's.
    for (const headers of [
      from('203.0.113.8'),
      { ...from('203.0.113.7'), authorization: 'Bearer read' },
      {},
    ]) {
      const other = await listen(api, headers);
      expect(other.statusCode).toBe(200);
      other.destroy();
    }
    greedy[0]?.destroy();
    let again = await listen(api, from('203.0.113.7'));
    // The server hears of it when it does.
    while (again.statusCode === 429) again = await listen(api, from('203.0.113.7'));
    expect(again.statusCode).toBe(200);
  });
});

describe('a client of MQTT', () => {
  it('holds no more than a quarter of the places over WebSocket', async () => {
    const places = new Places(8);
    const mqtt = {
      enter: (client: string | undefined) => places.take(client),
      serve: (stream: Readable) => stream.resume(),
    };
    await using api = await proxied({ ...standIns, mqtt });
    const open = async (address: string): Promise<WebSocket | number | undefined> => {
      const url = `${api.url.replace('http', 'ws')}/mqtt`;
      const socket = new WebSocket(url, 'mqtt', { headers: from(address) });
      const refused = once(socket, 'unexpected-response').then(
        (args: unknown[]) => (args[1] as IncomingMessage).statusCode,
      );
      socket.on('error', () => undefined);
      return Promise.race([once(socket, 'open').then(() => socket), refused]);
    };
    const [first, second] = [await open('203.0.113.7'), await open('203.0.113.7')];
    expect([first, second]).toEqual([expect.any(WebSocket), expect.any(WebSocket)]);
    expect(await open('203.0.113.7')).toBe(429);
    expect(await open('203.0.113.8')).toBeInstanceOf(WebSocket);
    (first as WebSocket).terminate();
    let again = await open('203.0.113.7');
    while (again === 429) again = await open('203.0.113.7');
    expect(again).toBeInstanceOf(WebSocket);
  });

  it('holds no more over TCP, said or not said', async () => {
    const places = new Places(8);
    const served: Readable[] = [];
    await using door = await listenForMqtt(['127.0.0.1:0'], {
      enter: () => places.take('203.0.113.7'),
      serve: (stream) => served.push(stream.resume()),
    });
    const { port, hostname: host } = new URL(door.urls[0]!);
    const dial = async (): Promise<Socket> => {
      const socket = connect(Number(port), host);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket.resume();
    };
    const sockets = [await dial(), await dial()];
    await once(await dial(), 'close');
    expect(served.length).toBe(2);
    sockets[0]?.destroy();
    await once(served[0]!, 'close');
    sockets.push(await dial());
    while (served.length < 3) await new Promise(setImmediate);
    for (const socket of sockets) socket.destroy();
  });
});
