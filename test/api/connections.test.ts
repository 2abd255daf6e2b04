import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { clientAt, isLoopback, makeStandsForMany } from '../../src/api/clients.ts';
import { Connections } from '../../src/api/connections.ts';
import type { ConnectionLimits } from '../../src/api/connections.ts';
import { openApi } from '../../src/api/server.ts';
import type { CutReason } from '../../src/api/counts.ts';
import type { Api } from '../../src/api/server.ts';
import { genesisId } from '../../src/protocol/ids.ts';
import { ask, openTestApi, post, standIns } from './harness.ts';

async function opened({ port, host }: Pick<Api, 'port' | 'host'>): Promise<Socket> {
  const socket = connect(port, host);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const many = (count: number, make: () => Promise<Socket>): Promise<Socket[]> =>
  Promise.all(Array.from({ length: count }, make));

const crowded = (maxConnections: number, deps = standIns): Promise<Api> =>
  openApi({ bind: '127.0.0.1:0', maxConnections }, deps);

describe('when all connections are taken', () => {
  it('the oldest one that never asked makes room, so a newcomer is answered', async () => {
    await using api = await crowded(10);
    const [first, ...others] = await many(10, () => opened(api));
    const closed = once(first!, 'close');
    expect((await ask(api, { path: '/health' })).status).toBe(200);
    await closed;
    for (const socket of others) socket.destroy();
  });

  it('flooding with more shuts out nobody', async () => {
    await using api = await crowded(10);
    for (let round = 0; round < 20; round += 1) {
      const sockets = await many(20, () => opened(api));
      expect((await ask(api, { path: '/api/v1/info' })).status).toBe(200);
      for (const socket of sockets) socket.destroy();
    }
  });

  it('one that asked before outlives those that never did', async () => {
    await using api = await crowded(3);
    const polite = await opened(api);
    const hello = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
    polite.write(hello);
    await once(polite, 'data');
    const silent = await many(2, () => opened(api));
    const closed = once(silent[0]!, 'close');
    await opened(api).then((socket) => socket.destroy());
    await closed;
    polite.write(hello);
    const [again] = (await once(polite, 'data')) as [Buffer];
    expect(again.toString()).toMatch(/^HTTP\/1.1 200 /);
    for (const socket of [polite, ...silent]) socket.destroy();
  });

  it('none that waits for its answer is cut, and the newcomer is turned away', async () => {
    const go = Promise.withResolvers<void>();
    let started = 0;
    const allStarted = Promise.withResolvers<void>();
    await using api = await crowded(3, {
      ...standIns,
      attach: async () => {
        started += 1;
        if (started === 3) allStarted.resolve();
        await go.promise;
        return { kind: 'accepted', id: genesisId };
      },
    });
    const waiting = Array.from({ length: 3 }, () => post(api, '{}', 'application/json'));
    await allStarted.promise;
    expect(await text(await opened(api))).toBe('');
    go.resolve();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([201, 201, 201]);
  });
});

interface Door extends AsyncDisposable {
  /** Why connections were ended. */
  readonly cut: readonly CutReason[];
  readonly host: string;
  readonly port: number;
}

/** Every socket counts for the client that `clientOf` says, in the order in which they come. */
async function doorOf(
  limits: Omit<ConnectionLimits, 'maxRequestsPerMinute'> & Partial<ConnectionLimits>,
  clients: readonly string[],
): Promise<Door> {
  const names = clients[Symbol.iterator]();
  const cut: CutReason[] = [];
  const connections = new Connections(
    { maxRequestsPerMinute: 0, ...limits },
    {
      clientAt: () => String(names.next().value),
      standsForMany: () => false,
      onCut: (reason) => cut.push(reason),
    },
  );
  const server = createServer();
  connections.watch(server as unknown as HttpServer);
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    if (!socket.destroyed) socket.write('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    host: '127.0.0.1',
    port,
    cut,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** What the server says first: nothing, where it does not take the connection. */
async function greeting(socket: Socket): Promise<string> {
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) return String(chunk);
  return '';
}

describe('a client', () => {
  it('has no more than its share, and others do', async () => {
    const limits = { maxConnections: 100, maxConnectionsPerClient: 2 };
    await using door = await doorOf(limits, ['a', 'a', 'a', 'b']);
    const taken: string[] = [];
    const sockets: Socket[] = [];
    for (let count = 0; count < 4; count += 1) {
      const socket = await opened(door);
      sockets.push(socket);
      taken.push(await greeting(socket).catch(() => ''));
    }
    expect([taken, door.cut]).toEqual([['hello', 'hello', '', 'hello'], ['client_connections']]);
    for (const socket of sockets) socket.destroy();
  });

  it('opens no more in a minute than it may send requests, though it leaves each', async () => {
    const limits = { maxConnections: 9, maxConnectionsPerClient: 9, maxRequestsPerMinute: 2 };
    await using door = await doorOf(limits, ['a', 'a', 'a', 'b']);
    const taken: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      const socket = await opened(door);
      taken.push(await greeting(socket).catch(() => ''));
      socket.destroy();
    }
    expect([taken, door.cut]).toEqual([['hello', 'hello', '', 'hello'], ['client_rate']]);
  });

  it('with most connections gives way, not one with fewer than the newcomer has', async () => {
    const limits = { maxConnections: 3, maxConnectionsPerClient: 3 };
    await using door = await doorOf(limits, ['a', 'b', 'b', 'c', 'c']);
    const sockets: Socket[] = [];
    for (let count = 0; count < 3; count += 1) {
      const socket = await opened(door);
      sockets.push(socket);
      expect(await greeting(socket)).toBe('hello');
    }
    const [, second] = sockets;
    const gone = once(second!, 'close');
    const fourth = await opened(door);
    expect(await greeting(fourth)).toBe('hello');
    await gone;
    expect(door.cut).toEqual(['made_room']);
    for (const socket of [...sockets, fourth]) socket.destroy();
  });
});

describe('addresses', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', [true, true]],
    ['::1', '0:0:0:0::/64', [true, true]],
    ['::ffff:127.0.0.1', '127.0.0.1', [true, true]],
    ['10.1.2.3', '10.1.2.3', [false, true]],
    ['203.0.113.7', '203.0.113.7', [false, false]],
    ['2001:db8::1', '2001:db8:0:0::/64', [false, false]],
    ['', 'unknown', [false, false]],
  ])('%j count for %s', (address, client, isWhat) => {
    expect(clientAt(address)).toBe(client);
    expect([isLoopback(address), makeStandsForMany(['10.0.0.0/8'])(address)]).toEqual(isWhat);
  });
});

it('a request that is never finished is answered 408 and costs its connection', async () => {
  const slow = { headersMs: 100, requestMs: 200, checkMs: 20 };
  await using api = await openApi({ bind: '127.0.0.1:0', ...slow }, standIns);
  const head = 'POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\n';
  for (const start of [head, `${head}Content-Length: 9\r\n\r\n{`]) {
    const socket = await opened(api);
    socket.write(start);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 [^]*"reason":"request_timeout"/);
  }
});

const headers = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, number) => [`x-${number}`, 'x']));

it('a request has at most 100 headers', async () => {
  await using api = await openTestApi();
  // Host and Connection come with every request.
  expect((await ask(api, { path: '/health', headers: headers(98) })).status).toBe(200);
  for (const count of [99, 2500]) {
    expect((await ask(api, { path: '/health', headers: headers(count) })).status).toBe(431);
  }
});
