import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listenError } from '../../src/api/bind.ts';
import { TangleError } from '../../src/errors.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { ask, errorOf, json, openTestApi, post } from './harness.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

describe('where the API listens', () => {
  it.each(['127.0.0.1:0', 'localhost:0', '[::1]:0'])('%s', async (bind) => {
    await using api = await openTestApi({}, bind);
    expect(api.url).toBe(`http://${api.host}:${api.port}`);
    expect(api.port).toBeGreaterThan(0);
    expect((await ask(api, { path: '/health' })).status).toBe(200);
  });

  it('is refused when it is taken, with a sentence', async () => {
    await using first = await openTestApi();
    const again = openTestApi({}, `${first.host}:${first.port}`);
    await expect(again).rejects.toThrow(code('ADDRESS_IN_USE'));
    await expect(again).rejects.toThrow(
      `127.0.0.1:${first.port} is taken; stop what listens there or choose another api.bind.`,
    );
  });

  it.each([
    '127.0.0.1',
    '127.0.0.1:',
    ':1',
    '::1:14265',
    'localhost:70000',
    'no such host:0',
    '192.0.2.1:0',
  ])('is refused when it is none of ours: %s', async (bind) => {
    await expect(openTestApi({}, bind)).rejects.toThrow(code('CONFIG_INVALID'));
  });

  it('says in words that no interface has the address', async () => {
    await expect(openTestApi({}, '192.0.2.1:0')).rejects.toThrow(/no interface of this machine/);
  });
});

describe('a port that this user may not open', () => {
  it('is told in words', () => {
    const refusal = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
    expect(listenError('0.0.0.0:80', refusal)).toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        'api.bind 0.0.0.0:80 cannot be listened on: this user may not open the port; choose one from 1024 on.',
    });
  });
});

describe('closing', () => {
  it('answers running attaches with 503 and closes their connections', async () => {
    const started = Promise.withResolvers<undefined>();
    const api = await openTestApi({
      attach: async (_draft, { signal }): Promise<Outcome> => {
        started.resolve(undefined);
        await once(signal, 'abort');
        return { kind: 'busy', error: new TangleError('POW_ABORTED') };
      },
    });
    const running = post(api, '{}', json);
    await started.promise;
    const closed = api[Symbol.asyncDispose]();
    const answer = await running;
    expect([answer.status, errorOf(answer).reason]).toEqual([503, 'stopping']);
    expect(answer.headers['retry-after']).toBeDefined();
    await closed;
  });

  it('does not wait for idle, silent or half-spoken connections', async () => {
    const api = await openTestApi();
    const idle = connect(api.port, api.host);
    idle.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');
    const silent = connect(api.port, api.host);
    const half = connect(api.port, api.host);
    half.write('POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{');
    await Promise.all([once(silent, 'connect'), once(half, 'connect')]);
    const ends = Promise.all([idle, silent, half].map(endOf));
    await api[Symbol.asyncDispose]();
    await expect(ends).resolves.toEqual(['closed', 'closed', 'closed']);
  });

  it('takes no new connections', async () => {
    const api = await openTestApi();
    await api[Symbol.asyncDispose]();
    await expect(ask(api, { path: '/health' })).rejects.toThrow('ECONNREFUSED');
  });
});

/** Cut off or ended in peace, both will do. */
function endOf(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket
    .on('error', () => {})
    .on('close', () => resolve('closed'))
    .resume();
  return promise;
}
