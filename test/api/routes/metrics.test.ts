import { describe, expect, it } from 'vitest';
import type { Answered } from '../../../src/api/app.ts';
import { asAdmin, ask, openTestApi } from '../harness.ts';

describe('GET /metrics', () => {
  it('is text, and more of it for the owner', async () => {
    await using api = await openTestApi();
    const answer = await ask(api, { path: '/metrics' });
    expect([answer.status, answer.headers['content-type']]).toEqual([
      200,
      expect.stringContaining('text/plain'),
    ]);
    expect(answer.bytes.toString()).toBe('owner false\n');
    const owner = await ask(api, { path: '/metrics', headers: asAdmin });
    expect(owner.bytes.toString()).toBe('owner true\n');
  });
});

describe('answers', () => {
  it('are told by the template of their route, whatever the URL was', async () => {
    const told: Omit<Answered, 'durationMs'>[] = [];
    await using api = await openTestApi({
      onAnswer: ({ method, route, status }) => told.push({ method, route, status }),
    });
    await ask(api, { path: `/api/v1/messages/${'0'.repeat(64)}?a=1` });
    await ask(api, { path: '/api/v1/nothing/0123' });
    await ask(api, { path: '/api/v1/peers' });
    expect(told).toEqual([
      { method: 'GET', route: '/api/v1/messages/:messageId', status: 404 },
      { method: 'GET', route: 'unknown', status: 404 },
      { method: 'GET', route: '/api/v1/peers', status: 401 },
    ]);
  });
});
