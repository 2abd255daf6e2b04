import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { AddressOptions } from '../../src/api/address.ts';
import { ApiCounts } from '../../src/api/counts.ts';
import { openApi } from '../../src/api/server.ts';
import type { Answered } from '../../src/api/server.ts';
import { openTls } from '../../src/api/tls.ts';
import { openWaiting } from '../../src/api/waiting.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import { aFolder } from '../support/folder.ts';
import { ask, errorOf, standIns } from './harness.ts';

const bind = '127.0.0.1:0';

async function open(sentence: () => string, options: Partial<AddressOptions> = {}) {
  const counts = new ApiCounts();
  const answered: Answered[] = [];
  const deps = {
    counts,
    progress: sentence,
    onAnswer: (answer: Answered) => answered.push(answer),
  };
  const address = await openWaiting({ bind, ...options }, deps);
  const getPath = (path: string) => fetch(address.url + path);
  return { ...address, counts, answered, get: getPath };
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const checks = (reason: string) => [{ name: 'start', ok: false, reason }];

describe('before the node can serve', () => {
  it('TLS is spoken already, where the API will', async () => {
    await using folder = await aFolder();
    const own = aCertificate();
    const deps = { clock: systemClock, log: silentLogger };
    using tls = await openTls(await writeCertificate(folder.path, own), deps);
    await using room = await open(() => 'x', { tls });
    const asked = get({ host: '127.0.0.1', port: room.port, path: '/health', ca: own.cert });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(503);
    // Who has not even begun does not keep the address taken.
    const silent = await connected(room.port);
    await room[Symbol.asyncDispose]();
    await once(silent.resume(), 'close');
  });

  it('/health is 503', async () => {
    await using room = await open(() => 'The index is made.');
    const response = await room.get('/health');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
  });

  it('the health of Midge says what the start is doing now', async () => {
    let done = 1;
    await using room = await open(() => `${done} of 2.`);
    const health = async () => (await room.get('/api/midge/v1/health?x=1')).json();
    expect(await health()).toEqual({ data: { isHealthy: false, checks: checks('1 of 2.') } });
    done = 2;
    expect(await health()).toEqual({ data: { isHealthy: false, checks: checks('2 of 2.') } });
  });

  it('everything else is 503 with a time to come back', async () => {
    await using room = await open(() => 'The index is made.');
    const response = await room.get('/api/v1/messages?index=aa');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toMatchObject({
      error: {
        code: '503',
        reason: 'starting',
        message: 'The index is made. Try again in a moment.',
      },
    });
  });

  it('a client gets as many answers as from the API, and others are told', async () => {
    const limits = { trustedProxies: ['127.0.0.1'], maxRequestsPerMinute: 2 };
    await using room = await open(() => 'x', limits);
    const from = (client: string, path = '/api/v1/info') =>
      ask(room, { path, headers: { 'x-forwarded-for': client } });
    for (let count = 0; count < 2; count += 1) {
      expect((await from('203.0.113.7')).status).toBe(503);
    }
    const refused = await from('203.0.113.7');
    expect([refused.status, errorOf(refused).reason]).toEqual([429, 'rate_limited']);
    expect((await from('203.0.113.7', '/health')).status).toBe(503);
    expect((await from('203.0.113.8')).status).toBe(503);
    expect([...room.counts.refused]).toEqual([
      ['STARTING', 3],
      ['RATE_LIMITED', 1],
    ]);
    // Programs of this machine, which pass on nothing.
    for (let count = 0; count < 3; count += 1) {
      expect((await room.get('/api/v1/info')).status).toBe(503);
    }
  });

  it('a node on loopback answers no name that a web page has pointed at it', async () => {
    await using room = await open(() => 'x');
    for (const path of ['/health', '/api/midge/v1/health', '/api/v1/info']) {
      const refused = await ask(room, { path, headers: { host: 'example.org' } });
      expect([refused.status, errorOf(refused).reason]).toEqual([403, 'forbidden_host']);
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
      const twice = await connected(room.port);
      twice.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nhost: example.org\r\n\r\n`);
      expect(await text(twice)).toMatch(/^HTTP\/1.1 400 /);
    }
    expect([...room.counts.refused]).toEqual([
      ['FORBIDDEN_HOST', 3],
      ['REQUEST_INVALID', 3],
    ]);
  });

  it('every answer is told, by what the API calls its route', async () => {
    await using room = await open(() => 'x');
    for (const path of ['/health?x=1', '/api/midge/v1/health', '/api/v1/info/../x']) {
      await ask(room, { path });
    }
    await ask(room, { path: '/health', headers: { host: 'example.org' } });
    await expect.poll(() => room.answered.length).toBe(4);
    expect(room.answered.map(({ method, route, status }) => [method, route, status])).toEqual([
      ['GET', '/health', 503],
      ['GET', '/api/midge/v1/health', 200],
      ['GET', 'unknown', 503],
      ['GET', '/health', 403],
    ]);
    expect(room.answered.every(({ durationMs }) => durationMs >= 0)).toBe(true);
  });

  it('those who connected and ask nothing make room for others', async () => {
    await using room = await open(() => 'x', { maxConnections: 2 });
    const [first, second] = [await connected(room.port), await connected(room.port)];
    const gone = once(first.resume(), 'close');
    expect((await room.get('/health')).status).toBe(503);
    await gone;
    expect(room.counts.cut.get('made_room')).toBe(1);
    second.destroy();
  });

  it('those who never finish their headers are cut off', async () => {
    await using room = await open(() => 'x', { headersMs: 50, checkMs: 10 });
    const slow = await connected(room.port);
    slow.write('GET /health HTTP/1.1\r\n');
    expect(await text(slow)).toMatch(/^HTTP\/1.1 408 /);
  });

  it('the address is free again afterwards, also with a client that keeps its connection', async () => {
    let taken: string;
    {
      await using room = await open(() => 'x');
      taken = `127.0.0.1:${room.port}`;
      await fetch(`${room.url}/health`, { headers: { connection: 'keep-alive' } });
      await room[Symbol.asyncDispose]();
    }
    await using again = await open(() => 'x', { bind: taken });
    expect(again.url).toBe(`http://${taken}`);
    await expect(open(() => 'x', { bind: taken })).rejects.toThrow('is taken');
  });
});

it('the API answers at the same address afterwards, also those who connected before', async () => {
  await using room = await open(() => 'x');
  const early = await connected(room.port);
  expect((await room.get('/health')).status).toBe(503);
  await using api = await openApi({ bind }, { ...standIns, counts: room.counts }, room);
  expect([api.url, api.port]).toEqual([room.url, room.port]);
  expect((await room.get('/health')).status).toBe(200);
  early.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(await text(early)).toMatch(/^HTTP\/1.1 200 /);
  await api[Symbol.asyncDispose]();
  await expect(room.get('/health')).rejects.toThrow('fetch failed');
});
