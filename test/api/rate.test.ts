import { describe, expect, it } from 'vitest';
import { makeApp } from '../../src/api/app.ts';
import { parseBind } from '../../src/api/bind.ts';
import { addRoutes } from '../../src/api/routes.ts';
import { openApi } from '../../src/api/server.ts';
import type { Answered } from '../../src/api/server.ts';
import { appParts, ask, errorOf, standIns } from './harness.ts';
import type { Question } from './harness.ts';

const info = '/api/v1/info';
const bind = '127.0.0.1:0';
const from = (client: string) => ({ 'x-forwarded-for': client });

describe('a client behind a trusted proxy', () => {
  const options = { bind, trustedProxies: ['127.0.0.1'], maxRequestsPerMinute: 3 };

  it('is told when it has sent as many as it may, and others are not', async () => {
    await using api = await openApi(options, standIns);
    const headers = from('203.0.113.7');
    for (let count = 0; count < 3; count += 1) {
      expect((await ask(api, { path: info, headers })).status).toBe(200);
    }
    const refused = await ask(api, { path: info, headers });
    expect([refused.status, errorOf(refused)]).toMatchObject([
      429,
      {
        reason: 'rate_limited',
        message: expect.stringMatching(
          /^You may send 3 requests a minute; the next one is answered in \d+ s\.$/,
        ) as string,
      },
    ]);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.headers['access-control-allow-origin']).toBe('*');
    expect((await ask(api, { path: '/health', headers })).status).toBe(200);
    expect((await ask(api, { path: info, headers: from('203.0.113.8') })).status).toBe(200);
  });

  it('has its share by /64 of IPv6, and by what it says last of itself', async () => {
    await using api = await openApi({ ...options, maxRequestsPerMinute: 1 }, standIns);
    const statusFrom = async (client: string): Promise<number> =>
      (await ask(api, { path: info, headers: from(client) })).status;
    expect(await statusFrom('2001:db8::1')).toBe(200);
    expect(await statusFrom('2001:db8::ffff:2')).toBe(429);
    expect(await statusFrom('2001:db8:0:1::1')).toBe(200);
    expect(await statusFrom('198.51.100.1, 203.0.113.7')).toBe(200);
    expect(await statusFrom('198.51.100.2, 203.0.113.7')).toBe(429);
  });

  it('spends it on what is refused, too', async () => {
    await using api = await openApi(options, standIns);
    const headers = from('203.0.113.7');
    const statuses: number[] = [];
    for (const path of ['/nowhere', '/api/v1/peers', '/api/v1/messages?index=x', info]) {
      statuses.push((await ask(api, { path, headers })).status);
    }
    expect(statuses).toEqual([404, 401, 400, 429]);
  });

  it.each(['/%zz', `/api/v1/messages/${'a'.repeat(500)}`])(
    'spends it on paths that cannot be read, too (case %#)',
    async (path) => {
      const answered: string[] = [];
      const onAnswer = ({ route, status }: Answered) => answered.push(`${status} ${route}`);
      await using api = await openApi(
        { ...options, maxRequestsPerMinute: 1 },
        { ...standIns, onAnswer },
      );
      const headers = from('203.0.113.7');
      const first = await ask(api, { path, headers });
      expect([first.status, first.headers['access-control-allow-origin']]).toEqual([400, '*']);
      expect((await ask(api, { path, headers })).status).toBe(429);
      expect((await ask(api, { path: info, headers })).status).toBe(429);
      expect(answered.slice(0, 2)).toEqual(['400 unknown', '429 unknown']);
    },
  );

  it.each<[string, Question & { readonly expect?: string }, number]>([
    ['preflights', { method: 'OPTIONS', path: info }, 204],
    ['preflights of routes that are not there', { method: 'OPTIONS', path: '/nowhere' }, 204],
    ['questions at /mqtt that are no WebSockets', { path: '/mqtt' }, 426],
    ['requests that expect what is not known', { path: info, expect: 'more' }, 200],
  ])('spends it on %s, too', async (_what, { expect: expected, ...question }, status) => {
    const mqtt = { enter: () => ({ leave: () => undefined }), serve: () => undefined };
    const deps = { ...standIns, mqtt };
    await using api = await openApi({ ...options, maxRequestsPerMinute: 1 }, deps);
    const headers = {
      ...from('203.0.113.7'),
      origin: 'https://example.org',
      ...(expected === undefined ? {} : { expect: expected }),
    };
    expect((await ask(api, { ...question, headers })).status).toBe(status);
    const refused = await ask(api, { ...question, headers });
    expect([refused.status, errorOf(refused).reason]).toEqual([429, 'rate_limited']);
    expect((await ask(api, { path: info, headers })).status).toBe(429);
    expect((await ask(api, { path: '/health', headers })).status).toBe(200);
  });

  it('with a token has a share of its own, wherever it comes from', async () => {
    await using api = await openApi({ ...options, maxRequestsPerMinute: 1 }, standIns);
    const statusOf = async (client: string, token: string): Promise<number> => {
      const headers = { ...from(client), authorization: `Bearer ${token}` };
      return (await ask(api, { path: info, headers })).status;
    };
    expect(await statusOf('203.0.113.7', 'read')).toBe(200);
    expect(await statusOf('203.0.113.8', 'read')).toBe(429);
    expect(await statusOf('203.0.113.7', 'admin')).toBe(200);
    expect(await statusOf('203.0.113.7', 'unknown')).toBe(200);
    expect(await statusOf('203.0.113.7', 'another')).toBe(429);
  });
});

describe('programs of this machine', () => {
  it('are not counted', async () => {
    await using api = await openApi({ bind, maxRequestsPerMinute: 1 }, standIns);
    for (let count = 0; count < 3; count += 1) {
      expect((await ask(api, { path: info })).status).toBe(200);
    }
  });

  it.each(['x-forwarded-for', 'x-forwarded-proto', 'x-real-ip', 'forwarded', 'via'])(
    'are counted as one when %s says that they ask for others, whoever they say that is',
    async (name) => {
      await using api = await openApi({ bind, maxRequestsPerMinute: 1 }, standIns);
      const statusFor = async (client: string): Promise<number> =>
        (await ask(api, { path: info, headers: { [name]: client } })).status;
      expect(await statusFor('203.0.113.7')).toBe(200);
      expect(await statusFor('203.0.113.8')).toBe(429);
    },
  );
});

it('0 sets no limit', async () => {
  const options = { bind, trustedProxies: ['127.0.0.1'], maxRequestsPerMinute: 0 };
  await using api = await openApi(options, standIns);
  for (let count = 0; count < 3; count += 1) {
    expect((await ask(api, { path: info, headers: from('203.0.113.7') })).status).toBe(200);
  }
});

it('so many clients are counted at a time, and the one that was silent longest is forgotten', async () => {
  const { signal: stopping } = new AbortController();
  const access = { grantOf: standIns.grantOf, publicScopes: ['read'] as const };
  const limits = { ...appParts.limits, maxRequestsPerMinute: 1 };
  const where = await parseBind('127.0.0.1:0');
  await using app = makeApp({ ...appParts, limits, bind: where, stopping, access });
  addRoutes(app, { ...standIns, clientOf: appParts.clientOf, stopping });
  const statusFrom = async (remoteAddress: string): Promise<number> => {
    const headers = { host: 'localhost' };
    return (await app.inject({ url: info, remoteAddress, headers })).statusCode;
  };
  expect(await statusFrom('203.0.113.7')).toBe(200);
  expect(await statusFrom('203.0.113.7')).toBe(429);
  for (let count = 0; count < 5_000; count += 1) {
    await statusFrom(`10.0.${count >> 8}.${count & 0xff}`);
  }
  expect(await statusFrom('203.0.113.7')).toBe(200);
});
