import { expect, it } from 'vitest';
import { asAdmin, ask, openTestApi } from '../harness.ts';

const neighbour = {
  peerId: 'one',
  isReading: true,
  takenMessages: 10,
  takenMs: 1_000,
  behindMessages: 20,
  behindMs: 2_000,
  isBelowCut: false,
  isTrusted: true,
  isDelivering: false,
};

it('tells everybody how far catch-up is, and the owner with whom', async () => {
  const progress = {
    isFirstCatchUp: true,
    takenMessages: 10,
    takenMs: 1_000,
    behindMessages: 20,
  };
  await using api = await openTestApi({
    sync: () => ({ ...progress, reason: 'Something is missing.', neighbours: [neighbour] }),
  });
  const told = { isInSync: false, reason: 'Something is missing.', ...progress };
  const path = '/api/midge/v1/sync';
  expect((await ask(api, { path })).json).toEqual({ data: told });
  const ofOwner = await ask(api, { path, headers: asAdmin });
  expect(ofOwner.json).toEqual({ data: { ...told, neighbours: [neighbour] } });
});

it('says yes when nothing is missing', async () => {
  await using api = await openTestApi({});
  expect((await ask(api, { path: '/api/midge/v1/sync' })).json).toMatchObject({
    data: { isInSync: true, behindMessages: 0 },
  });
});
