import { describe, expect, it } from 'vitest';
import type { PinsDeps } from '../../../src/api/routes/pins.ts';
import { TangleError } from '../../../src/errors.ts';
import { genesisId, messageIdHex } from '../../../src/protocol/ids.ts';
import type { PinTarget } from '../../../src/storage/store.ts';
import { asAdmin, ask, errorOf, openTestApi, standIns } from '../harness.ts';

const path = '/api/midge/v1/pins';
const messageId = messageIdHex(genesisId);
const longIndex = 'ab'.repeat(64);
const totals = { keptMessages: 2, usedBytes: 700, maxBytes: 1_000, missedMessages: 5 };

function withPins(calls: unknown[]) {
  const note = (what: string) => (target: PinTarget, maxBytes?: number) => {
    const named = 'id' in target ? messageIdHex(target.id) : messageIdHex(target.indexKey);
    calls.push([what, Object.keys(target)[0], named, maxBytes]);
    return Promise.resolve();
  };
  const pins: PinsDeps['store'] = {
    listPins: () =>
      Promise.resolve({
        messages: [{ id: genesisId, sizeBytes: 400, state: 'kept' }],
        indexKeys: [Buffer.from('a')],
      }),
    pinTotals: { keptCount: 2, usedBytes: 700, missedCount: 5 },
    pin: note('pin'),
    unpin: note('unpin'),
  };
  return openTestApi({ store: { ...standIns.store, ...pins } });
}

const post = (body: unknown) => ({
  method: 'POST',
  path,
  headers: { ...asAdmin, 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

const remove = (query: string) => ({
  method: 'DELETE',
  path: `${path}?${query}`,
  headers: asAdmin,
});

it('the owner is shown what is pinned', async () => {
  await using api = await withPins([]);
  expect((await ask(api, { path })).status).toBe(401);
  const { json } = await ask(api, { path, headers: asAdmin });
  expect(json).toEqual({
    data: {
      messages: [{ messageId, sizeBytes: 400, state: 'kept' }],
      indexes: ['61'],
      ...totals,
    },
  });
});

it('messages and indexes are pinned and unpinned, each by its name', async () => {
  const calls: unknown[] = [];
  await using api = await withPins(calls);
  const made = await ask(api, post({ messageId }));
  expect([made.status, made.json]).toEqual([200, { data: totals }]);
  expect((await ask(api, post({ index: longIndex }))).status).toBe(200);
  expect((await ask(api, remove(`messageId=${messageId}`))).status).toBe(204);
  expect((await ask(api, remove(`index=${longIndex}`))).status).toBe(204);
  expect(calls).toEqual([
    ['pin', 'id', messageId, totals.maxBytes],
    ['pin', 'indexKey', longIndex, totals.maxBytes],
    ['unpin', 'id', messageId, undefined],
    ['unpin', 'indexKey', longIndex, undefined],
  ]);
});

describe('what names nothing, or too much, is refused', () => {
  it.each([
    [{}, 'request_invalid'],
    [{ messageId, index: '61' }, 'request_invalid'],
    [{ messageId, more: 1 }, 'request_invalid'],
    [{ messageId: '61' }, 'hex_invalid'],
    [{ index: 'zz' }, 'hex_invalid'],
    [{ index: `${longIndex}00` }, 'index_length_invalid'],
    [{ index: '' }, 'index_length_invalid'],
  ])('%j', async (body, reason) => {
    const calls: unknown[] = [];
    await using api = await withPins(calls);
    expect(errorOf(await ask(api, post(body)))).toMatchObject({ code: '400', reason });
    expect(calls).toEqual([]);
  });

  it.each(['', `messageId=${messageId}&index=61`])('in a query: %j', async (query) => {
    await using api = await withPins([]);
    expect(errorOf(await ask(api, remove(query)))).toMatchObject({ reason: 'request_invalid' });
  });
});

it.each([
  ['MESSAGE_NOT_FOUND', '404'],
  ['MESSAGE_PRUNED', '410'],
  ['PINS_FULL', '400'],
  ['TOO_MANY_PINS', '400'],
] as const)('a pin that cannot be is answered with %s', async (code, status) => {
  const pin = () => Promise.reject(new TangleError(code));
  await using api = await openTestApi({ store: { ...standIns.store, pin } });
  expect(errorOf(await ask(api, post({ messageId })))).toMatchObject({
    code: status,
    reason: code.toLowerCase(),
  });
});

it('an unknown pin is not found', async () => {
  await using api = await openTestApi();
  expect(errorOf(await ask(api, remove('index=61')))).toMatchObject({
    code: '404',
    reason: 'pin_unknown',
  });
});
