import { expect, it } from 'vitest';
import { asAdmin, ask, openTestApi, someDatabase } from '../harness.ts';

const path = '/api/midge/v1/database';

it('the owner is told how large the store is; what never comes is null', async () => {
  await using api = await openTestApi();
  expect((await ask(api, { path })).status).toBe(401);
  const { json } = await ask(api, { path, headers: asAdmin });
  const { maxSizeBytes: _, growth, ...rest } = someDatabase;
  expect(json).toEqual({
    data: {
      ...rest,
      growth: {
        messagesPerDay: growth!.messagesPerDay,
        bytesPerDay: 0,
        measuredMs: 1_000,
        daysToFullDisk: null,
      },
    },
  });
});
