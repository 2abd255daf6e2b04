import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { maxListeners } from '../../../src/api/routes/jobs.ts';
import type { Api, ApiDeps } from '../../../src/api/server.ts';
import { TangleError } from '../../../src/errors.ts';
import { asMessageId, messageIdHex } from '../../../src/protocol/ids.ts';
import type { AttachCall, MineProgress } from '../../../src/tangle/attach.ts';
import type { Outcome } from '../../../src/tangle/outcome.ts';
import { ask, errorOf, json, openTestApi } from '../harness.ts';
import type { Answer } from '../harness.ts';

const url = '/api/midge/v1/attach';
const id = asMessageId(new Uint8Array(32).fill(7));
const messageId = messageIdHex(id);

const progress: Omit<MineProgress, 'state'> = {
  position: 0,
  hashes: 50,
  expectedHashes: 100,
  hashesPerSecond: 10,
  expectedMs: 10_000,
};

/** Everything one call of attach was given, and the way to end it. Ends as aborted when the signal says so. */
interface Mining extends AttachCall {
  end(outcome: Outcome): void;
}

/** Tells that it mines, and goes on until a test ends it. */
function miner() {
  const calls: Mining[] = [];
  const watchers = new Set<() => void>();
  const attach: ApiDeps['attach'] = (_draft, call) => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const aborted = new TangleError('POW_ABORTED');
    call.signal.addEventListener('abort', () => resolve({ kind: 'busy', error: aborted }));
    calls.push({ ...call, end: resolve });
    call.onProgress?.({ state: 'mining', ...progress });
    for (const notify of watchers) notify();
    return promise;
  };
  const called = async (count: number): Promise<void> => {
    const reached = Promise.withResolvers<undefined>();
    const look = (): void => {
      if (calls.length >= count) reached.resolve(undefined);
    };
    watchers.add(look);
    look();
    await reached.promise;
  };
  return { attach, calls, called };
}

const dataSchema = Type.Object({ data: Type.Object({ jobId: Type.String() }) });
const dataOf = (answer: Answer): { jobId: string } => Value.Parse(dataSchema, answer.json).data;

const headersWith = (key?: string) => ({
  'content-type': json,
  ...(key !== undefined && { 'idempotency-key': key }),
});

function postTo(api: Api, path: string, key?: string): Promise<Answer> {
  return ask(api, { method: 'POST', path, headers: headersWith(key), body: '{}' });
}

async function newJob(api: Api): Promise<string> {
  return dataOf(await postTo(api, url)).jobId;
}

/** A request whose connection a test can destroy. */
function openPost(api: Api, path: string, key?: string): ClientRequest {
  const headers = headersWith(key);
  const sent = request(api.url, { method: 'POST', path, headers, agent: false });
  sent.on('error', () => {});
  sent.end('{}');
  return sent;
}

async function listen(api: Api, jobId: string): Promise<IncomingMessage> {
  const sent = request(api.url, { path: `${url}/${jobId}/events`, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}

describe('POST /api/midge/v1/attach', () => {
  it('answers with a job, which is done when the message is stored', async () => {
    const { attach, calls } = miner();
    await using api = await openTestApi({ attach });
    const posted = await postTo(api, url);
    const { jobId } = dataOf(posted);
    const path = `${url}/${jobId}`;
    expect([posted.status, posted.headers.location]).toEqual([202, path]);
    expect(posted.json).toEqual({ data: { jobId, state: 'mining', progress } });
    expect((await ask(api, { path })).json).toEqual(posted.json);
    calls[0]?.end({ kind: 'accepted', id });
    expect((await ask(api, { path })).json).toEqual({ data: { jobId, state: 'done', messageId } });
  });

  it('answers with a result that is there at once', async () => {
    await using api = await openTestApi({ attach: () => Promise.resolve({ kind: 'known', id }) });
    expect((await postTo(api, url)).json).toMatchObject({ data: { state: 'done', messageId } });
  });

  it.each([
    ['PARENT_UNKNOWN', 400],
    ['POW_BUSY', 503],
    ['INTERNAL', 500],
  ] as const)('refuses at once what is refused before any work: %s', async (code, status) => {
    const error = new TangleError(code, undefined, { details: { retryAfterSeconds: 42 } });
    const attach = (): Promise<Outcome> => Promise.resolve({ kind: 'rejected', error });
    await using api = await openTestApi({ attach });
    const answer = await postTo(api, url);
    expect([answer.status, errorOf(answer).reason]).toEqual([status, code.toLowerCase()]);
    expect(answer.headers['retry-after']).toBe(status === 503 ? '42' : undefined);
  });

  it('takes bytes, too, and refuses what is no message', async () => {
    await using api = await openTestApi();
    const bytes = { method: 'POST', path: url, body: new Uint8Array(21) };
    expect((await ask(api, bytes)).status).toBe(202);
    expect((await ask(api, { ...bytes, body: '{}' })).status).toBe(400);
  });

  it('tells later why it failed', async () => {
    const { attach, calls } = miner();
    await using api = await openTestApi({ attach });
    const posted = await postTo(api, url);
    calls[0]?.end({ kind: 'busy', error: new TangleError('POW_FAILED', 'It is broken.') });
    const answer = await ask(api, { path: `${url}/${dataOf(posted).jobId}` });
    expect(answer.json).toMatchObject({
      data: {
        state: 'failed',
        error: {
          code: '503',
          reason: 'pow_failed',
          message: 'It is broken.',
          requestId: posted.headers['x-request-id'],
        },
      },
    });
  });

  it('works on for a client that goes', async () => {
    const { attach, calls } = miner();
    await using api = await openTestApi({ attach });
    await newJob(api);
    expect(calls[0]?.signal.aborted).toBe(false);
  });

  it('does no work for a client that goes before it is answered', async () => {
    const started = Promise.withResolvers<AbortSignal>();
    await using api = await openTestApi({
      attach: (_draft, { signal }) => {
        started.resolve(signal);
        return new Promise(() => {});
      },
    });
    const leaves = openPost(api, url);
    const signal = await started.promise;
    leaves.destroy();
    await once(signal, 'abort');
    expect(signal.aborted).toBe(true);
  });
});

describe('a job', () => {
  it('is cancelled by DELETE, and unknown then', async () => {
    const { attach, calls } = miner();
    await using api = await openTestApi({ attach });
    const path = `${url}/${await newJob(api)}`;
    const cancelled = await ask(api, { method: 'DELETE', path, headers: { 'content-type': json } });
    expect([cancelled.status, cancelled.bytes.length]).toEqual([204, 0]);
    expect(calls[0]?.signal.aborted).toBe(true);
    for (const method of ['GET', 'DELETE']) {
      const answer = await ask(api, { method, path });
      expect([answer.status, errorOf(answer).reason]).toEqual([404, 'job_not_found']);
    }
    expect((await ask(api, { path: `${path}/events` })).status).toBe(404);
  });

  it('tells listeners of its progress and its result, and ends their answer', async () => {
    const { attach, calls } = miner();
    await using api = await openTestApi({ attach });
    const jobId = await newJob(api);
    const listener = await listen(api, jobId);
    expect(listener.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    const [first] = (await once(listener, 'data')) as [string];
    calls[0]?.end({ kind: 'accepted', id });
    expect(first + (await text(listener))).toBe(
      [
        `event: progress\ndata: ${JSON.stringify({ jobId, state: 'mining', progress })}\n\n`,
        `event: done\ndata: ${JSON.stringify({ jobId, state: 'done', messageId })}\n\n`,
      ].join(''),
    );
  });

  it('tells listeners when it is cancelled', async () => {
    const { attach } = miner();
    await using api = await openTestApi({ attach });
    const jobId = await newJob(api);
    const listener = await listen(api, jobId);
    await once(listener, 'data');
    await ask(api, { method: 'DELETE', path: `${url}/${jobId}` });
    expect(await text(listener)).toMatch(/^event: failed\ndata: .*"reason":"pow_aborted"/);
  });

  it('has no more listeners than it may, and a place again when one leaves', async () => {
    const { attach } = miner();
    await using api = await openTestApi({ attach });
    const jobId = await newJob(api);
    const listeners = await Promise.all(
      Array.from({ length: maxListeners }, () => listen(api, jobId)),
    );
    expect(listeners.map(({ statusCode }) => statusCode)).not.toContain(503);
    expect((await listen(api, jobId)).statusCode).toBe(503);
    listeners[0]?.destroy();
    let again = await listen(api, jobId);
    // The server hears of it when it does.
    while (again.statusCode === 503) again = await listen(api, jobId);
    expect(again.statusCode).toBe(200);
  });

  it('fails when the node stops, and tells its listeners', async () => {
    const { attach } = miner();
    const api = await openTestApi({ attach });
    const listener = await listen(api, await newJob(api));
    await once(listener, 'data');
    const [rest] = await Promise.all([text(listener), api[Symbol.asyncDispose]()]);
    expect(rest).toMatch(/^event: failed\ndata: .*"reason":"stopping".*\n\n$/);
  });
});

describe('an Idempotency-Key', () => {
  it('sent twice at once is one attach with one answer', async () => {
    const { attach, calls, called } = miner();
    await using api = await openTestApi({ attach });
    const both = [postTo(api, '/api/v1/messages', 'k'), postTo(api, '/api/v1/messages', 'k')];
    const other = postTo(api, '/api/v1/messages', 'other');
    const job = dataOf(await postTo(api, url, 'k'));
    expect(dataOf(await postTo(api, url, 'k'))).toEqual(job);
    await called(2);
    for (const { end } of calls) end({ kind: 'accepted', id });
    for (const answer of await Promise.all([...both, other])) {
      expect([answer.status, answer.json]).toEqual([201, { data: { messageId } }]);
    }
    expect((await postTo(api, '/api/v1/messages', 'k')).json).toEqual({ data: { messageId } });
    expect(calls.length).toBe(2);
  });

  it('with another body is refused', async () => {
    await using api = await openTestApi();
    await postTo(api, '/api/v1/messages', 'k');
    for (const path of ['/api/v1/messages', url]) {
      const body = '{"nonce":"0"}';
      const answer = await ask(api, { method: 'POST', path, headers: headersWith('k'), body });
      expect([answer.status, errorOf(answer).reason]).toEqual([400, 'idempotency_key_reused']);
    }
  });

  it('may be used again after a failure', async () => {
    const error = new TangleError('POW_BUSY');
    const outcomes: Outcome[] = [
      { kind: 'busy', error },
      { kind: 'accepted', id },
    ];
    await using api = await openTestApi({ attach: () => Promise.resolve(outcomes.shift()!) });
    expect((await postTo(api, '/api/v1/messages', 'k')).status).toBe(503);
    expect((await postTo(api, '/api/v1/messages', 'k')).status).toBe(201);
  });

  it.each(['', 'a b', 'x'.repeat(129), 'ä'])('is refused when it is %j', async (key) => {
    await using api = await openTestApi();
    const answer = await postTo(api, url, key);
    expect([answer.status, errorOf(answer).message]).toEqual([
      400,
      'idempotency-key must be 1 to 128 visible ASCII characters without spaces.',
    ]);
  });

  it('keeps the work going for the second when the first client leaves', async () => {
    const { attach, calls, called } = miner();
    await using api = await openTestApi({ attach });
    const first = openPost(api, '/api/v1/messages', 'k');
    await called(1);
    const path = `${url}/${dataOf(await postTo(api, url, 'k')).jobId}`;
    first.destroy();
    // Long after the server has heard of it: this takes more round trips.
    for (let count = 0; count < 3; count++) await ask(api, { path });
    expect([calls.length, calls[0]?.signal.aborted]).toEqual([1, false]);
    calls[0]?.end({ kind: 'accepted', id });
    expect((await ask(api, { path })).json).toMatchObject({ data: { state: 'done', messageId } });
  });

  it('ends its work when all who sent it have left', async () => {
    const { attach, calls, called } = miner();
    await using api = await openTestApi({ attach });
    const first = openPost(api, '/api/v1/messages', 'k');
    await called(1);
    const { jobId } = dataOf(await postTo(api, url, 'k'));
    const aborted = once(calls[0]!.signal, 'abort');
    await ask(api, { method: 'DELETE', path: `${url}/${jobId}` });
    first.destroy();
    await aborted;
    const again = openPost(api, '/api/v1/messages', 'k');
    await called(2);
    expect(calls[1]?.signal.aborted).toBe(false);
    again.destroy();
  });
});
