import { describe, expect, it } from 'vitest';
import type { ApiDeps } from '../../../src/api/server.ts';
import { ask, errorOf, json as jsonType, openTestApi, post } from '../harness.ts';
import type { Answer } from '../harness.ts';

const status = {
  kernel: 'simd-128',
  workers: 3,
  cpuBudget: 0.5,
  usedShare: 0.25,
  hashesPerSecond: 1_500_000,
  maxZeros: 14,
  running: 1,
  queued: 32,
  queueSize: 32,
  queuedHashes: 1e9,
  isBackingOff: false,
};

const pow: ApiDeps['pow'] = {
  status: () => status,
  estimate: (sizeBytes) => ({
    sizeBytes,
    zeros: sizeBytes < 1000 ? 13 : 15,
    expectedHashes: 3 ** 13,
    expectedMs: 1000.5,
    queueMs: 0,
    isAccepted: sizeBytes < 500,
  }),
};

const path = '/api/midge/v1/pow';

describe('GET /api/midge/v1/pow', () => {
  it('tells what there is', async () => {
    await using api = await openTestApi({ pow });
    const { json } = await ask(api, { path });
    expect(json).toEqual({ data: { enabled: true, ...status } });
  });

  it('tells that it is switched off', async () => {
    await using api = await openTestApi();
    expect((await ask(api, { path })).json).toEqual({ data: { enabled: false } });
  });
});

const sick = () => [{ name: 'store', ok: false, reason: 'It is full.' }];
const field = (answer: Answer) => answer.headers['x-midge-spare'];

describe('GET /health/pow', () => {
  it.each([
    ['a full queue', { pow }, 200],
    ['proof of work switched off', {}, 503],
    ['a fault', { pow, health: sick }, 503],
  ] as const)('with %s', async (_what, deps, expected) => {
    await using api = await openTestApi(deps);
    expect((await ask(api, { path: '/health/pow' })).status).toBe(expected);
  });
});

describe('the field x-midge-spare', () => {
  it('is on answers of pow and attaches, refused ones too, as it is when they go out', async () => {
    let free = 0.5;
    const busier = () => ({ api: (free -= 0.1), pow: 0.25 });
    await using api = await openTestApi({ pow, spare: busier });
    expect(field(await ask(api, { path }))).toBe('api=0.40, pow=0.25');
    expect(field(await ask(api, { path: `${path}/estimate?bytes=1` }))).toBe('api=0.30, pow=0.25');
    expect(field(await post(api, '{}', jsonType))).toBe('api=0.20, pow=0.25');
    const broken = await post(api, '{', jsonType);
    expect([broken.status, field(broken)]).toEqual([400, 'api=0.10, pow=0.25']);
    expect(field(await ask(api, { path: '/health' }))).toBeUndefined();
  });
});

describe('GET /api/midge/v1/pow/estimate', () => {
  it.each([
    [1, undefined],
    [499, undefined],
    [500, 'pow_busy'],
    [32_768, 'pow_too_hard'],
  ])('of %i bytes has the reason %s', async (bytes, reason) => {
    await using api = await openTestApi({ pow });
    const { json } = await ask(api, { path: `${path}/estimate?bytes=${bytes}` });
    expect(json).toEqual({ data: { ...pow.estimate(bytes), ...(reason && { reason }) } });
  });

  it('that would take too long says so', async () => {
    const idle = { ...pow, status: () => ({ ...status, queued: 0 }) };
    await using api = await openTestApi({ pow: idle });
    const { json } = await ask(api, { path: `${path}/estimate?bytes=500` });
    expect(json).toMatchObject({ data: { isAccepted: false, reason: 'pow_deadline' } });
  });

  it.each([
    '',
    '?bytes=',
    '?bytes=0',
    '?bytes=-1',
    '?bytes=1e3',
    '?bytes=32769',
    '?bytes=1&bytes=2',
  ])('is refused for %j', async (query) => {
    await using api = await openTestApi({ pow });
    const answer = await ask(api, { path: `${path}/estimate${query}` });
    expect(answer.status).toBe(400);
    expect(errorOf(answer).message).toMatch(/^bytes (is missing|must be a number from 1 to 32768)/);
  });

  it('is refused when it is switched off', async () => {
    await using api = await openTestApi();
    const answer = await ask(api, { path: `${path}/estimate?bytes=100` });
    expect([answer.status, errorOf(answer).reason]).toEqual([400, 'pow_disabled']);
  });
});
