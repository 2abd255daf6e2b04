// What the node says of itself, and what it says of what it does not have.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api, HealthCheck } from '../../../src/api/server.ts';
import { asMessageId } from '../../../src/protocol/ids.ts';
import { ask, errorOf, openTestApi, someInfo } from '../harness.ts';

const healthy: readonly HealthCheck[] = [{ name: 'store', ok: true }];
const ill: readonly HealthCheck[] = [
  { name: 'store', ok: false, reason: 'The disk is full.' },
  { name: 'event-loop', ok: true },
];
let checks = healthy;
let api: Api;
beforeAll(async () => {
  api = await openTestApi({
    health: () => checks,
    selectTips: () => [1, 2].map((byte) => asMessageId(new Uint8Array(32).fill(byte))),
  });
});
afterAll(() => api[Symbol.asyncDispose]());

describe('the health of the node', () => {
  it.each([
    [healthy, 200, true],
    [ill, 503, false],
  ])('is a status for proxies and a list with reasons for people', async (...row) => {
    const [given, status, isHealthy] = row;
    checks = given;
    const short = await ask(api, { path: '/health' });
    expect([short.status, short.bytes.length, short.headers['content-length']]).toEqual([
      status,
      0,
      '0',
    ]);
    const long = await ask(api, { path: '/api/midge/v1/health' });
    expect([long.status, long.json]).toEqual([200, { data: { isHealthy, checks: given } }]);
  });
});

describe('the node', () => {
  it('says what it is', async () => {
    expect((await ask(api, { path: '/api/v1/info' })).json).toEqual({ data: someInfo });
  });

  it.each(['', '?spammertips', '?spammertips=1'])('gives tips: /tips%s', async (query) => {
    expect((await ask(api, { path: `/api/v1/tips${query}` })).json).toEqual({
      data: { tipMessageIds: ['01'.repeat(32), '02'.repeat(32)] },
    });
  });
});

describe('what the node does not have', () => {
  it.each(['milestones/1', 'milestones/4294967295', 'milestones/1/utxo-changes'])(
    'yet, is not found: %s',
    async (path) => {
      const answer = await ask(api, { path: `/api/v1/${path}` });
      expect([answer.status, errorOf(answer).reason]).toEqual([404, 'milestone_not_found']);
    },
  );

  it('is no milestone when its index is none', async () => {
    const answer = await ask(api, { path: '/api/v1/milestones/latest' });
    expect([answer.status, errorOf(answer).message]).toEqual([
      400,
      'index must be a milestone index.',
    ]);
  });

  it.each([
    `outputs/${'ab'.repeat(34)}`,
    'addresses/atoi1qpszqzadsym6wpppd6z037dvlejmjuke7s24hm95s9fg9vpua7vluehe53e',
    `addresses/ed25519/${'ab'.repeat(32)}`,
    `addresses/ed25519/${'ab'.repeat(32)}/outputs?type=0`,
    'treasury',
    'receipts',
    'receipts/1',
    `transactions/${'ab'.repeat(32)}/included-message`,
  ])('because it keeps no ledger, is not implemented: %s', async (path) => {
    const answer = await ask(api, { path: `/api/v1/${path}` });
    expect({ status: answer.status, ...errorOf(answer) }).toMatchObject({
      status: 501,
      code: '501',
      reason: 'no_ledger',
    });
  });
});
