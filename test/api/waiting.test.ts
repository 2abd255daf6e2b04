import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openTls } from '../../src/api/tls.ts';
import { openWaitingRoom } from '../../src/api/waiting.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import { aFolder } from '../support/folder.ts';

async function open(sentence: () => string) {
  const room = await openWaitingRoom('127.0.0.1:0', sentence);
  const getPath = (path: string) => fetch(`http://127.0.0.1:${room.port}${path}`);
  return { get: getPath, [Symbol.asyncDispose]: () => room[Symbol.asyncDispose]() };
}

const checks = (reason: string) => [{ name: 'start', ok: false, reason }];

describe('before the node can serve', () => {
  it('TLS is spoken already, where the API will', async () => {
    await using folder = await aFolder();
    const own = aCertificate();
    const deps = { clock: systemClock, log: silentLogger };
    using tls = await openTls(await writeCertificate(folder.path, own), deps);
    await using room = await openWaitingRoom('127.0.0.1:0', () => 'x', tls);
    const asked = get({ host: '127.0.0.1', port: room.port, path: '/health', ca: own.cert });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(503);
    // Who has not even begun does not keep the address taken.
    const silent = connect(room.port, '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'connect');
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

  it('the address is free again afterwards, also with a client that keeps its connection', async () => {
    let port: number;
    {
      await using room = await openWaitingRoom('127.0.0.1:0', () => 'x');
      ({ port } = room);
      await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'keep-alive' } });
      await room[Symbol.asyncDispose]();
    }
    await using again = await openWaitingRoom(`127.0.0.1:${port}`, () => 'x');
    expect(again.port).toBe(port);
    await expect(openWaitingRoom(`127.0.0.1:${port}`, () => 'x')).rejects.toThrow('is taken');
  });
});
