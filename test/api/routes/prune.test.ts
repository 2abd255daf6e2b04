import { describe, expect, it } from 'vitest';
import type { PruneDeps } from '../../../src/api/routes/prune.ts';
import { asAdmin, ask, errorOf, openTestApi, standIns } from '../harness.ts';

const plan = { fromSeq: 1, toSeq: 900, messageCount: 900, estimatedBytes: 5_000 };
const json = { ...asAdmin, 'content-type': 'application/json' };
const path = '/api/midge/v1/prune';
const fieldPath = '/api/v1/control/database/prune';

function withPruner(calls: unknown[], done: Promise<void> = Promise.resolve()) {
  const pruner: PruneDeps['pruner'] = {
    ...standIns.pruner,
    plan: (wish) => Promise.resolve(void calls.push(['plan', wish])).then(() => plan),
    begin: (wish) => Promise.resolve(void calls.push(['begin', wish])).then(() => ({ plan, done })),
  };
  return openTestApi({ pruner });
}

const post = (to: string, body: unknown) => ({
  method: 'POST',
  path: to,
  headers: json,
  body: JSON.stringify(body),
});

describe('POST /api/midge/v1/prune', () => {
  it('begins and tells the plan at once', async () => {
    const calls: unknown[] = [];
    await using api = await withPruner(calls, new Promise(() => undefined));
    const answer = await ask(api, post(path, { keepMessages: 100 }));
    expect([answer.status, answer.json]).toEqual([202, { data: plan }]);
    expect(calls).toEqual([['begin', { keepMessages: 100 }]]);
  });

  it('only tells the plan of a dry run', async () => {
    const calls: unknown[] = [];
    await using api = await withPruner(calls);
    const answer = await ask(api, post(path, { toSeq: 900, dryRun: true }));
    expect([answer.status, answer.json]).toEqual([200, { data: plan }]);
    expect(calls).toEqual([['plan', { toSeq: 900 }]]);
  });

  it.each([{}, { toSeq: 1, keepMessages: 1 }, { toSeq: -1 }, { toSeq: 'all' }, { to: 5 }])(
    'refuses %j',
    async (body) => {
      const calls: unknown[] = [];
      await using api = await withPruner(calls);
      const answer = await ask(api, post(path, body));
      expect(errorOf(answer)).toMatchObject({ code: '400', reason: 'request_invalid' });
      expect(calls).toEqual([]);
    },
  );

  it('answers 503 while another wish is carried out, and needs the owner', async () => {
    await using api = await openTestApi();
    expect(errorOf(await ask(api, post(path, { toSeq: 1 })))).toMatchObject({
      code: '503',
      reason: 'pruning_busy',
    });
    expect((await ask(api, { ...post(path, { toSeq: 1 }), headers: {} })).status).toBe(401);
  });
});

describe('pruning', () => {
  it.each([
    ['POST', `${path}/pause`, 'pause'],
    ['POST', `${path}/resume`, 'resume'],
    ['DELETE', path, 'interrupt'],
  ] as const)('is told by %s %s to %s, by its owner only', async (method, url, verb) => {
    let calls = 0;
    const pruner = { ...standIns.pruner, [verb]: () => void (calls += 1) };
    await using api = await openTestApi({ pruner });
    expect((await ask(api, { method, path: url })).status).toBe(401);
    expect(calls).toBe(0);
    const answer = await ask(api, { method, path: url, headers: asAdmin });
    expect([answer.status, answer.json]).toMatchObject([200, { data: { state: 'idle' } }]);
    expect(calls).toBe(1);
  });
});

describe('GET /api/midge/v1/prune', () => {
  it('tells how far it is', async () => {
    await using api = await openTestApi();
    const answer = await ask(api, { path, headers: asAdmin });
    expect(answer.json).toEqual({
      data: {
        state: 'idle',
        cutSeq: 0,
        folderBytes: 1,
        freeBytes: 2,
        maxSizeBytes: null,
        prunedMessages: 0,
        prunedBytes: 0,
        job: null,
      },
    });
  });
});

describe('POST /api/v1/control/database/prune', () => {
  it.each([
    ['20GB', 20e9],
    ['500 MiB', 500 * 2 ** 20],
    ['1.5gib', 1.5 * 2 ** 30],
    ['1000', 1000],
  ])('takes the target size %s, and answers when it is done', async (text, targetSizeBytes) => {
    const calls: unknown[] = [];
    await using api = await withPruner(calls);
    const answer = await ask(api, post(fieldPath, { targetDatabaseSize: text }));
    expect([answer.status, answer.json]).toEqual([200, { data: { index: 0, cutSeq: 0 } }]);
    expect(calls).toEqual([['begin', { targetSizeBytes }]]);
  });

  it.each([
    [{ index: 5 }, 'no milestones'],
    [{ depth: 5 }, 'no milestones'],
    [{ targetDatabaseSize: 'much' }, '20GB'],
    [{ targetDatabaseSize: '1GB', toSeq: 5 }, 'exactly one'],
    [{}, 'exactly one'],
  ])('refuses %j with a sentence', async (body, words) => {
    await using api = await withPruner([]);
    const error = errorOf(await ask(api, post(fieldPath, body)));
    expect(error).toMatchObject({ code: '400', reason: 'request_invalid' });
    expect(error.message).toContain(words);
  });
});
