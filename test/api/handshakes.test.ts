// The API with TLS: what happens before there is a connection.
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Limits } from '../../src/api/limits.ts';
import { listenForMqtt } from '../../src/api/mqtt/tcp.ts';
import { Places } from '../../src/api/places.ts';
import { openApi } from '../../src/api/server.ts';
import type { Api } from '../../src/api/server.ts';
import { openTls } from '../../src/api/tls.ts';
import type { Tls } from '../../src/api/tls.ts';
import { silentLogger } from '../../src/log.ts';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { standIns } from './harness.ts';

const own = aCertificate();
let folder: Folder;
let tls: Tls | undefined;
beforeAll(async () => {
  folder = await aFolder();
  const clock = new HandClock();
  const deps = { clock, log: silentLogger, setTimer: clock.setTimer };
  tls = await openTls(await writeCertificate(folder.path, own), deps);
});
afterAll(async () => {
  tls?.[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

const { counts } = standIns;

const openSecureApi = (limits: Partial<Limits> = {}): Promise<Api> =>
  openApi({ bind: '127.0.0.1:0', tls, ...limits }, standIns);

async function silent({ port, host }: Pick<Api, 'port' | 'host'>): Promise<Socket> {
  const socket = connect(port, host);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

interface Told {
  readonly status: number;
  readonly body: string;
}

function get(url: string): Promise<Told> {
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  const sent = request(url, { ca: own.cert, agent: false }, (response) => {
    const { statusCode: status = 0 } = response;
    text(response).then((body) => resolve({ status, body }), reject);
  });
  sent.on('error', reject);
  sent.end();
  return promise;
}

const serve = (): never => {
  throw new Error('nobody has said anything');
};

describe('a port of MQTT with TLS', () => {
  it('counts who says nothing, and is not kept from closing by them', async () => {
    const places = new Places(1);
    const enter = (): ReturnType<Places['take']> => places.take(undefined);
    const door = await listenForMqtt(['127.0.0.1:0'], { enter, serve, tls });
    const { hostname: host, port } = new URL(door.urls[0]!);
    const place = { host, port: Number(port) };
    const first = await silent(place);
    await once((await silent(place)).resume(), 'close');
    const closed = once(first.resume(), 'close');
    await door[Symbol.asyncDispose]();
    await closed;
    expect(first.destroyed).toBe(true);
  });
});

describe('an API with TLS', () => {
  it('is reached by https', async () => {
    await using api = await openSecureApi();
    expect(api.url).toBe(`https://127.0.0.1:${api.port}`);
    expect((await get(`${api.url}/health`)).status).toBe(200);
  });

  it('tells who comes by http to come by https', async () => {
    await using api = await openSecureApi();
    const { status, body } = await get(`http://127.0.0.1:${api.port}/api/v1/info`);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ error: { code: '400', reason: 'tls_required' } });
    expect((await get(`${api.url}/health`)).status).toBe(200);
    expect(counts.cut.get('plain_http')).toBe(1);
  });

  it('hangs up on what is neither', async () => {
    await using api = await openSecureApi();
    const before = counts.cut.get('handshake') ?? 0;
    const socket = await silent(api);
    socket.end('\u0000\u0001no protocol at all\r\n\r\n');
    await once(socket.resume(), 'close');
    expect((await get(`${api.url}/health`)).status).toBe(200);
    expect(counts.cut.get('handshake')).toBe(before + 1);
  });

  it('hangs up on who says nothing', async () => {
    await using api = await openSecureApi({ handshakeMs: 50 });
    await once((await silent(api)).resume(), 'close');
    expect((await get(`${api.url}/health`)).status).toBe(200);
  });

  it('is not filled up by those who say nothing', async () => {
    const limits = { maxConnections: 3, handshakeMs: 3_600_000 };
    await using api = await openSecureApi(limits);
    for (let round = 0; round < 20; round += 1) {
      await silent(api);
      expect((await get(`${api.url}/health`)).status).toBe(200);
    }
  });

  it('is not kept from closing by them', async () => {
    const api = await openSecureApi({ handshakeMs: 3_600_000 });
    const socket = await silent(api);
    // Behind an answer, so the server knows of the first.
    await get(`${api.url}/health`);
    const closed = once(socket.resume(), 'close');
    await api[Symbol.asyncDispose]();
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  it('speaks nothing older than TLS 1.2', async () => {
    await using api = await openSecureApi();
    const versionWith = async (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') => {
      const { port, host } = api;
      const ciphers = 'DEFAULT@SECLEVEL=0';
      const options = {
        port,
        host,
        ca: own.cert,
        minVersion: 'TLSv1',
        maxVersion,
        ciphers,
      } as const;
      const socket = connectTls(options);
      await once(socket, 'secureConnect');
      const version = socket.getProtocol();
      socket.destroy();
      return version;
    };
    expect(await versionWith('TLSv1.3')).toBe('TLSv1.3');
    expect(await versionWith('TLSv1.2')).toBe('TLSv1.2');
    await expect(versionWith('TLSv1.1')).rejects.toThrow(/alert protocol version/);
  });
});
