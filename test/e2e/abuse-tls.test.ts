// A node with TLS whose strangers begin handshakes and do not end them, or end very many: a handshake costs the node more
// than its client, and until it is done there is no request to refuse.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/api/limits.ts';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import { aFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';
import {
  Strangers,
  during,
  endOf,
  maxGrowthBytes,
  maxLeftBytes,
  settled,
} from '../support/strangers.ts';

const own = aCertificate();
let folder: Folder;
let node: NodeProcess;
let calmBytes: number;
const strangers = new Strangers();

const portOf = (url: string): number => Number(new URL(url).port);

async function read(path: string): Promise<{ status: number; body: string }> {
  const asked = request(node.url + path, { agent: false, ca: own.cert }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: (await response.toArray()).join('') };
}

const goodRead = async (): Promise<number> => (await read('/api/v1/info')).status;

async function metric(name: string): Promise<number> {
  const { body } = await read('/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1]);
}

beforeAll(async () => {
  folder = await aFolder();
  const { certFile, keyFile } = await writeCertificate(folder.path, own);
  node = await NodeProcess.start({
    dataDir: folder.path,
    settings: {
      'api.tls.cert-file': certFile,
      'api.tls.key-file': keyFile,
      'mqtt.bind': '127.0.0.1:0',
      // The machine that runs this may itself be late, and the client is to be told nothing else than the answer.
      'api.max-event-loop-delay-ms': 0,
    },
  });
  for (let n = 0; n < 200; n++) await goodRead();
  calmBytes = node.rssBytes;
});
afterEach(() => strangers.leave());
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function expectSurvived(attack: () => Promise<void>): Promise<void> {
  const { statuses, peakBytes } = await during({ node, goodRead }, attack);
  expect(statuses).toEqual(new Set([200]));
  expect(peakBytes - calmBytes).toBeLessThan(maxGrowthBytes);
}

const openConnections = (): Promise<number> => metric('midge_api_connections');

/** The head of a record that says that a hello of 512 bytes follows, which never comes whole. */
const halfHello = Buffer.from('1603010200010001fc0303', 'hex');

const drips: Promise<string>[] = [];

/** Begins a hello, and sends a byte of it now and again. */
function drip(port: number): void {
  const socket = strangers.dial(1, port);
  strangers.keep(socket);
  socket.write(halfHello);
  const timer = setInterval(() => socket.write('\0'), 500);
  drips.push(endOf(socket).finally(() => clearInterval(timer)));
}

/** A handshake from its beginning to its end, by nobody who was here before. */
async function shakeHands(port: number): Promise<void> {
  const socket = connect({ socket: strangers.dial(2, port), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  socket.destroy();
}

describe('a node with TLS under attack', () => {
  // First, because they take their time: how they end is asked at the end.
  it('goes on while hellos come by drops', async () => {
    await expectSurvived(async () => {
      for (let n = 0; n < 50; n++) drip(portOf(node.url));
      for (let n = 0; n < 10; n++) drip(portOf(node.mqttUrl));
      await goodRead();
    });
    expect(await goodRead()).toBe(200);
  });

  it('goes on with 5 000 connections that begin a handshake and say no more', async () => {
    await expectSurvived(async () => {
      for (let wave = 0; wave < 10; wave++) {
        const opened = Array.from({ length: 500 }, (_, n): Socket => {
          const socket = strangers.dial(10 + (n % 10), portOf(node.url));
          if (n % 2 === 0) socket.write(halfHello);
          return socket;
        });
        await Promise.all(opened.map(settled));
      }
      // One that was ended is counted until its socket has told so.
      await expect.poll(openConnections).toBeLessThanOrEqual(defaultLimits.maxConnections);
    });
  });

  it.each(['url', 'mqttUrl'] as const)('goes on with 1 000 handshakes at its %s', async (which) => {
    await expectSurvived(async () => {
      for (let round = 0; round < 50; round++) {
        const port = portOf(node[which]);
        await Promise.all(Array.from({ length: 20 }, () => shakeHands(port)));
      }
    });
    expect(await goodRead()).toBe(200);
  });

  it('has ended all who came by drops, with less than an answer', async () => {
    const answers = await Promise.all(drips);
    expect(answers.filter((answer) => answer.includes('HTTP'))).toEqual([]);
    await expect.poll(() => metric('midge_mqtt_clients')).toBe(0);
  });

  it('gives back what the attacks took of memory', async () => {
    await expect
      .poll(() => node.rssBytes, { interval: 500 })
      .toBeLessThan(calmBytes + maxLeftBytes);
    expect(await node.stop()).toBe(0);
    expect(node.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});
