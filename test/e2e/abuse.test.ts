// A node that strangers wish ill: it answers a client that behaves all the while, and its memory stays within a bound.
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/api/limits.ts';
import { maxPipelined } from '../../src/api/pipelining.ts';
import { attach, isAcknowledged } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';
import {
  Strangers,
  during,
  endOf,
  maxGrowthBytes,
  maxLeftBytes,
  settled,
} from '../support/strangers.ts';

const MiB = 1024 * 1024;
let folder: Awaited<ReturnType<typeof aFolder>>;
let node: NodeProcess;
let port: number;
let messagePath: string;
let calmBytes: number;

beforeAll(async () => {
  folder = await aFolder();
  node = await NodeProcess.start({
    dataDir: folder.path,
    // The machine that runs this may itself be late, and the client is to be told nothing else than the answer.
    settings: { 'mqtt.bind': '127.0.0.1:0', 'api.max-event-loop-delay-ms': 0 },
  });
  port = Number(new URL(node.url).port);
  const ids: string[] = [];
  for (let n = 0; n < 200; n++) {
    const answer = await attach(node.url, 'abuse', `message ${n}`);
    if (!isAcknowledged(answer)) throw new Error(answer.body);
    ids.push(answer.id);
  }
  messagePath = `/api/v1/messages/${ids[0]}`;
  for (let n = 0; n < 500; n++) await goodRead();
  calmBytes = node.rssBytes;
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** On a connection of its own, as a newcomer. */
async function goodRead(): Promise<number> {
  const asked = request(node.url + messagePath, { agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const body = (await response.toArray()).join('');
  return body.includes('"payload"') ? (response.statusCode ?? 0) : 0;
}

const { maxConnections } = defaultLimits;

async function openConnections(): Promise<number> {
  const metrics = await (await fetch(`${node.url}/metrics`)).text();
  return Number(/^midge_api_connections (\d+)$/m.exec(metrics)?.[1]);
}

async function expectSurvived(attack: () => Promise<void>): Promise<void> {
  const { statuses, peakBytes } = await during({ node, goodRead }, attack);
  expect(statuses).toEqual(new Set([200]));
  expect(peakBytes - calmBytes).toBeLessThan(maxGrowthBytes);
}

const strangers = new Strangers();
afterEach(() => strangers.leave());

const dial = (number: number, toPort = port): Socket => strangers.dial(number, toPort);

/** 0 when there was no answer. */
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

/** The status of one request of a stranger, written byte by byte as it is. */
async function raw(text: string | Buffer): Promise<number> {
  const socket = dial(9);
  socket.write(text);
  return statusOf(await endOf(socket));
}

const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${more}\r\n`;

function post(body: string | Buffer, more = ''): Buffer {
  const bytes = Buffer.from(body);
  const lines = ['POST /api/v1/messages HTTP/1.1', 'host: localhost', 'connection: close'];
  const head = [...lines, `content-length: ${bytes.length}`, 'content-type: application/json'];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n${more}\r\n`), bytes]);
}

const drips: Promise<string>[] = [];

/** Sends the start of a request, and then a byte now and again. */
function drip(number: number, head: string, byte: string): void {
  const socket = dial(number);
  // Lives until the last test.
  strangers.keep(socket);
  socket.write(head);
  const timer = setInterval(() => socket.write(byte), 500);
  drips.push(endOf(socket).finally(() => clearInterval(timer)));
}

describe('a node under attack', () => {
  // First, because they take their time: how they end is asked at the end.
  it('goes on while headers and bodies come by drops', async () => {
    await expectSurvived(async () => {
      for (let n = 0; n < 50; n++) drip(1, 'GET / HTTP/1.1\r\nhost: localhost\r\nx: ', 'a');
      const head = post('x'.repeat(1_000)).toString('latin1').slice(0, -999);
      for (let n = 0; n < 50; n++) drip(2, head, 'x');
      await goodRead();
    });
    expect(await goodRead()).toBe(200);
  });

  it('goes on with 10 000 connections that say nothing', async () => {
    await expectSurvived(async () => {
      for (let wave = 0; wave < 20; wave++) {
        const opened = Array.from({ length: 500 }, (_, n) => dial(10 + (n % 10)));
        await Promise.all(opened.map(settled));
      }
      // One that was ended is counted until its socket has told so.
      await expect.poll(openConnections).toBeLessThanOrEqual(maxConnections);
      for (let n = 0; n < 20; n++) await goodRead();
    });
    expect(await goodRead()).toBe(200);
  });

  it('refuses giant headers', async () => {
    const large = `x: ${'a'.repeat(1024 * 1024)}\r\n`;
    await expectSurvived(async () => {
      for (let n = 0; n < 50; n++) {
        const [one, other] = await Promise.all([raw(get('/', large)), raw(get('/'.repeat(MiB)))]);
        // Whoever is cut off while still sending may not hear why.
        for (const status of [one, other]) expect([431, 0]).toContain(status);
      }
    });
  });

  it('refuses deep JSON, and keys that are made to collide or to poison', async () => {
    const depth = 40_000;
    const keys = Array.from({ length: 6_000 }, (_, n) => `"${n * 65_536}":0`).join(',');
    const bodies = [
      `${'['.repeat(depth)}${']'.repeat(depth)}`,
      `{"payload":${'{"payload":'.repeat(7_000)}0${'}'.repeat(7_001)}`,
      `{${keys}}`,
      `{${'"a":0,'.repeat(10_000)}"a":0}`,
      '{"__proto__":{"payload":null}}',
      '{"constructor":{"prototype":{"nonce":"1"}}}',
      '{"payload":{"type":2,"index":"00","data":"","__proto__":{"x":1}}}',
      `{"nonce":${'9'.repeat(80_000)}}`,
    ];
    await expectSurvived(async () => {
      for (let n = 0; n < 20; n++) {
        expect(await Promise.all(bodies.map((body) => raw(post(body))))).toEqual(
          bodies.map(() => 400),
        );
      }
      const query = Array.from({ length: 1_000 }, (_, n) => `__proto__=${n}`).join('&');
      expect(await raw(get(`/api/v1/messages?${query}&index=00`))).toBe(200);
    });
  });

  it('never unpacks what is packed', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MiB));
    await expectSurvived(async () => {
      for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip']) {
        expect(await raw(post(bomb, `content-encoding: ${encoding}\r\n`))).toBe(400);
      }
      const chunked = 'POST /api/v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n';
      expect(await raw(`${chunked}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)).toBe(400);
      expect(await raw(post(Buffer.alloc(2 * MiB, 0x20)))).toBe(413);
    });
  });

  it.each([
    '/api/v1/peers',
    '//api/v1/peers',
    '/api/v1/peers?x=/health',
    '/api/v1/peers#/health',
    '/api/v1/peers/',
    '/api/v1/peers/.',
    '/api/v1/./peers',
    '/health/../api/v1/peers',
    '/api/v1/%70eers',
    '/API/V1/PEERS',
    '/api/v1/peers%00',
    '/api/v1/peers%2f',
    '/api/v1/peers;x=/health',
    '\\api\\v1\\peers',
    'http://localhost/api/v1/peers',
    '/../../../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/api/v1/messages/%ff',
    '/api/v1/messages/..%2fpeers',
    `/api/v1/messages/${'a'.repeat(10_000)}`,
    '/api/v1/messages?index=%00%00',
  ])('lets no trick with a path through: %s', async (path) => {
    const status = await raw(get(path));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });

  it('goes on with garbage between requests, and with readers that do not read', async () => {
    const one = `GET /api/v1/messages?index=${Buffer.from('abuse').toString('hex')} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    await expectSurvived(async () => {
      // 15 KiB each answer: 300 MB in all, were they made.
      const silent = Array.from({ length: 40 }, () => dial(3).pause());
      for (const socket of silent) socket.write(one.repeat(500));
      for (let n = 0; n < 50; n++) {
        const socket = dial(4);
        socket.write(
          `${get(messagePath).replace('connection: close\r\n', '')}\x00\xff garbage\r\n\r\n`,
        );
        expect(await endOf(socket)).toContain('HTTP/1.1 400 Bad Request');
      }
      for (let n = 0; n < 20; n++) await goodRead();
      const answers = await Promise.all(silent.map((socket) => endOf(socket.resume())));
      const most = Math.max(...answers.map((answer) => answer.split('HTTP/1.1 200').length - 1));
      expect(most).toBeLessThanOrEqual(maxPipelined);
    });
  });

  it('cuts off MQTT clients that want a million subscriptions, over both ways', async () => {
    const mqttPort = Number(new URL(node.mqttUrl).port);
    await expectSurvived(async () => {
      let asked = 0;
      while (asked < 1_000_000) {
        const hello = Buffer.concat([mqttConnect('__proto__'), ...subscriptions(asked, 25_000)]);
        const tcp = dial(5, mqttPort);
        tcp.write(hello);
        const webSocket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt');
        webSocket.on('error', () => undefined);
        webSocket.once('open', () => webSocket.send(hello.subarray(0, 100_000)));
        await Promise.all([endOf(tcp), new Promise((resolve) => webSocket.once('close', resolve))]);
        asked += 25_000;
      }
    });
    // One that was ended is counted until its socket has told so.
    const metrics = async () => (await fetch(`${node.url}/metrics`)).text();
    await expect.poll(metrics).toMatch(/^midge_mqtt_clients 0$/m);
    await expect.poll(metrics).toMatch(/^midge_mqtt_subscriptions 0$/m);
  });

  it('has ended all who came by drops', async () => {
    const answers = await Promise.all(drips);
    expect(new Set(answers.map(statusOf))).toEqual(new Set([408]));
  });

  it('gives back what the attacks took of memory', async () => {
    await expect
      .poll(() => node.rssBytes, { interval: 500 })
      .toBeLessThan(calmBytes + maxLeftBytes);
    expect(await node.stop()).toBe(0);
    expect(node.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});

const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from([value.length >> 8, value.length & 0xff]), Buffer.from(value)]);

function mqttConnect(clientId: string): Buffer {
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 2, 0, 0]), text(clientId)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

/** Packets of a thousand topics each. */
function subscriptions(from: number, count: number): Buffer[] {
  return Array.from({ length: count / 1_000 }, (_, n) => {
    const topics = Array.from({ length: 1_000 }, (_topic, k) => {
      const index = (from + n * 1_000 + k).toString(16).padStart(6, '0');
      return Buffer.concat([text(`messages/indexation/${index}`), Buffer.from([0])]);
    });
    const body = Buffer.concat([Buffer.from([0, 1]), ...topics]);
    const length = Buffer.from([
      (body.length & 127) | 128,
      ((body.length >> 7) & 127) | 128,
      body.length >> 14,
    ]);
    return Buffer.concat([Buffer.from([0x82]), length, body]);
  });
}
