import { describe, expect, it } from 'vitest';
import { openTokens } from '../../../src/api/tokens.ts';
import { HandClock } from '../../support/clock.ts';
import { aFolder } from '../../support/folder.ts';
import { ask, asAdmin, errorOf, openTestApi, standIns } from '../harness.ts';
import type { Answer } from '../harness.ts';

const path = '/api/midge/v1/tokens';

interface Made {
  readonly data: { readonly id: string; readonly token: string };
}

const withTokens = async (folder: string) => {
  const tokens = await openTokens(folder, { clock: new HandClock() });
  const grantOf = async (token: string) =>
    (await standIns.grantOf(token)) ?? (await tokens.grantOf(token));
  const api = await openTestApi({ tokens, grantOf });
  const create = (body: object): Promise<Answer> =>
    ask(api, {
      method: 'POST',
      path,
      headers: { ...asAdmin, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return { api, create };
};

describe('tokens', () => {
  it('are made, used, listed without themselves, and revoked', async () => {
    await using folder = await aFolder();
    const { api, create } = await withTokens(folder.path);
    await using _ = api;
    const made = await create({ scopes: ['admin'], lifetimeMs: 1000, name: 'Ünï' });
    expect([made.status, made.headers['cache-control']]).toEqual([201, 'no-store']);
    const { token, ...record } = (made.json as Made).data;
    const asMade = { authorization: `Bearer ${token}` };
    const listed = await ask(api, { path, headers: asMade });
    expect([listed.status, listed.json]).toEqual([200, { data: [record] }]);
    const revoke = () =>
      ask(api, { method: 'DELETE', path: `${path}/${record.id}`, headers: asMade });
    expect((await revoke()).status).toBe(204);
    expect((await revoke()).status).toBe(401);
    const unknown = await ask(api, {
      method: 'DELETE',
      path: `${path}/${record.id}`,
      headers: asAdmin,
    });
    expect([unknown.status, errorOf(unknown).reason]).toEqual([404, 'token_unknown']);
  });

  it.each([
    [{ scopes: [], lifetimeMs: 1000 }, 'scopes must be a list of read, attach, pow, admin.'],
    [{ scopes: ['root'], lifetimeMs: 1000 }, 'scopes[0] must be one of read, attach, pow, admin.'],
    [
      { scopes: ['read'], lifetimeMs: 999 },
      'lifetimeMs must be a number of milliseconds from 1000 to 315360000000.',
    ],
    [{ scopes: ['read'] }, 'lifetimeMs is missing.'],
    [
      { scopes: ['read'], lifetimeMs: 1000, name: '' },
      'name must be a name for people, 1 to 64 characters.',
    ],
  ])('are not made from %j', async (body, message) => {
    await using folder = await aFolder();
    const { api, create } = await withTokens(folder.path);
    await using _ = api;
    const answer = await create(body);
    expect([answer.status, errorOf(answer).message]).toEqual([400, message]);
  });
});
