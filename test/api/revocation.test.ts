// Streams that go on when the token that opened them was taken back.
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { openApi } from '../../src/api/server.ts';
import type { Scope } from '../../src/api/scopes.ts';
import { standIns } from './harness.ts';

const options = { bind: '127.0.0.1:0', publicScopes: [], recheckMs: 1 };

it('end when it is revoked or loses its scope, and others go on', async () => {
  const known = new Map<string, Scope>(
    ['revoked', 'changed', 'good', 'unsure'].map((token) => [token, 'read']),
  );
  let isSure = true;
  const grantOf = (token: string) => {
    if (token === 'unsure' && !isSure) return Promise.reject(new Error('no disk'));
    const scope = known.get(token);
    return Promise.resolve(scope && { scopes: new Set([scope]), tokenId: token });
  };
  await using api = await openApi(options, { ...standIns, grantOf });
  const listen = async (token: string): Promise<IncomingMessage> => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `${api.url}/api/midge/v1/events`;
    const asked = request(url, { agent: false, headers }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    return response.on('error', () => undefined).resume();
  };
  const [revoked, changed, good, unsure] = [
    await listen('revoked'),
    await listen('changed'),
    await listen('good'),
    await listen('unsure'),
  ];
  const ends = [revoked, changed].map(
    (stream) => new Promise((resolve) => stream.once('close', resolve)),
  );
  isSure = false;
  known.delete('revoked');
  known.set('changed', 'attach');
  await Promise.all(ends);
  expect([good.destroyed, unsure.destroyed]).toEqual([false, false]);
});
