import { expect, it } from 'vitest';
import { openApi } from '../../src/api/server.ts';
import { ask, asAdmin, errorOf, standIns } from './harness.ts';

const bind = '127.0.0.1:0';

it('a node that is late answers its owner and for its health, and others that it cannot now', async () => {
  let delayMs = 0;
  const options = { bind, maxEventLoopDelayMs: 300 };
  const mqtt = { enter: () => ({ leave: () => undefined }), serve: () => undefined };
  await using api = await openApi(options, { ...standIns, mqtt, lateMs: () => delayMs });
  const statusOf = async (path: string, headers = {}): Promise<number> =>
    (await ask(api, { path, headers })).status;
  delayMs = 300;
  expect(await statusOf('/api/v1/info')).toBe(200);
  delayMs = 301;
  const refused = await ask(api, { path: '/api/v1/info' });
  expect([refused.status, errorOf(refused).reason]).toEqual([503, 'overloaded']);
  expect(refused.headers['retry-after']).toBe('2');
  expect(await statusOf('/nowhere')).toBe(503);
  expect(await statusOf('/mqtt')).toBe(503);
  expect(await statusOf('/health')).toBe(200);
  expect(await statusOf('/api/midge/v1/health')).toBe(200);
  expect(await statusOf('/api/v1/peers', asAdmin)).toBe(200);
  delayMs = 0;
  expect(await statusOf('/api/v1/info')).toBe(200);
});

it('0 lets it be late', async () => {
  const options = { bind, maxEventLoopDelayMs: 0 };
  await using api = await openApi(options, { ...standIns, lateMs: () => 60_000 });
  expect((await ask(api, { path: '/api/v1/info' })).status).toBe(200);
});
