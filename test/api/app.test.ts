import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from '../../src/api/server.ts';
import { ask, errorOf, json, openTestApi, post, someInfo } from './harness.ts';

let api: Api;
beforeAll(async () => {
  api = await openTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const info = '/api/v1/info';

describe('a path', () => {
  it.each(['/', '/api/v1', '/api/v1/infos', '/api/v1/info/', '/API/v1/info', '//api/v1/info'])(
    'that is no route gets a 404 problem: %s',
    async (path) => {
      const answer = await ask(api, { path });
      expect({ status: answer.status, ...errorOf(answer) }).toMatchObject({
        status: 404,
        code: '404',
        reason: 'route_unknown',
        requestId: answer.headers['x-request-id'],
      });
    },
  );

  it.each([
    ['PUT', info, 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
    ['PROPFIND', '/api/v1/tips', 'GET, HEAD'],
    ['PATCH', '/api/v1/messages?index=aa', 'GET, HEAD, POST'],
    ['DELETE', '/api/v1/messages', 'GET, HEAD, POST'],
  ])('that is a route under another method gets a 405: %s %s', async (method, path, allow) => {
    const headers = { 'content-type': json, 'content-length': 1 };
    const answer = await ask(api, { method, path, headers, body: '{' });
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
    expect(errorOf(answer).message).toBe(`${method} is not for this route, use ${allow}.`);
  });

  it.each([
    ['/api/v1/messages/%zz', 'The path has a % that no two hex digits follow.'],
    ['/api/v1/messages/%', 'The path has a % that no two hex digits follow.'],
    [`/api/v1/messages/${'a'.repeat(500)}`, 'A part of the path is too long for an id.'],
  ])('that cannot be read gets a 400: %s', async (path, message) => {
    const answer = await ask(api, { path });
    const requestId = answer.headers['x-request-id'];
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toEqual({ code: '400', reason: 'request_invalid', message, requestId });
  });
});

describe('every answer', () => {
  it('has a request id of its own', async () => {
    const answers = await Promise.all([info, info, '/nowhere'].map((path) => ask(api, { path })));
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(3);
  });

  it.each([info, '/health', '/api/v1/tips', '/api/v1/messages?index=xx', '/nowhere'])(
    'to HEAD is that to GET without its body: %s',
    async (path) => {
      const [get, head] = await Promise.all([
        ask(api, { path }),
        ask(api, { method: 'HEAD', path }),
      ]);
      expect(head.bytes.length).toBe(0);
      expect(head.status).toBe(get.status);
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    },
  );

  it('to a JSON content type without a body is as usual', async () => {
    const headers = { 'content-type': json };
    const answer = await ask(api, { path: info, headers });
    expect([answer.status, answer.json]).toEqual([200, { data: someInfo }]);
  });
});

describe('a web page of another origin', () => {
  const headers = { origin: 'https://example.org' };

  it.each([info, '/nowhere', '/api/v1/messages?index=xx'])('may read %s', async (path) => {
    const answer = await ask(api, { path, headers });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['access-control-expose-headers']).toBe(
      'location, retry-after, x-midge-spare, x-request-id',
    );
  });

  it('may post with the headers of iota.js', async () => {
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,authorization',
    };
    const answer = await ask(api, {
      method: 'OPTIONS',
      path: '/api/v1/messages',
      headers: { ...headers, ...asked },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-allow-headers': 'content-type,authorization',
    });
  });
});

describe('a server on loopback', () => {
  it.each(['localhost', 'LOCALHOST:80', '127.0.0.1', '127.0.0.1:14265', '[::1]:1'])(
    'answers for %s',
    async (host) => {
      expect((await ask(api, { path: info, headers: { host } })).status).toBe(200);
    },
  );

  it.each([
    'example.org',
    'localhost.example.org',
    '127.0.0.1.nip.io:14265',
    'localhost@evil',
    '::1',
  ])('refuses %j, also its preflight, and lets no page read that', async (host) => {
    for (const method of ['GET', 'OPTIONS']) {
      const headers = { host, origin: 'https://example.org' };
      const answer = await ask(api, { method, path: info, headers });
      expect([answer.status, errorOf(answer).reason]).toEqual([403, 'forbidden_host']);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('answers HTTP/1.0 without a Host, as health checks of proxies send it', async () => {
    expect(await converse(api, 'GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK/);
  });
});

describe('a server on all addresses', () => {
  it('answers for every name', async () => {
    await using open = await openTestApi({}, '0.0.0.0:0');
    const answer = await ask(open, { path: info, headers: { host: 'example.org' } });
    expect(answer.status).toBe(200);
  });
});

describe('a request with two Host headers', () => {
  it.each(['127.0.0.1:0', '0.0.0.0:0'])('is refused by a server on %s', async (bind) => {
    await using own = await openTestApi({}, bind);
    const hosts = 'Host: localhost\r\nhOST: localhost\r\n';
    const answer = await converse(own, `GET /health HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"reason":"request_invalid"');
  });
});

describe('what is no request', () => {
  it.each([
    ['GARBAGE\r\n\r\n', 400, 'request_invalid'],
    ['GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n', 400, 'request_invalid'],
    [
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
  ])('gets a problem and loses its connection: %j', async (bytes, status, reason) => {
    const [head = '', body = ''] = (await converse(api, bytes)).split('\r\n\r\n');
    expect(head).toMatch(`HTTP/1.1 ${status} `);
    expect(JSON.parse(body)).toMatchObject({ error: { code: String(status), reason } });
  });
});

describe('the log', () => {
  it.each([
    ['info', []],
    ['debug', [{ method: 'GET', url: info, status: 200, msg: 'request answered' }]],
  ])('at level %s has these lines for a request', async (level, lines) => {
    const sink = new PassThrough();
    {
      await using logging = await openTestApi({ log: pino({ level }, sink) });
      await ask(logging, { path: `${info}?access_token=secret` });
    }
    sink.end();
    expect(await linesOf(sink)).toMatchObject(lines);
  });

  it.each([
    ['/api/%zz?access_token=secret', '/api/%zz'],
    ['/api/%1B[31m%', '/api/%1B[31m%'],
    [`/%${'x'.repeat(300)}`, `/%${'x'.repeat(198)}…`],
    [`/${'x'.repeat(300)}`, `/${'x'.repeat(199)}…`],
  ])('names the path %j as one that is safe to read', async (path, url) => {
    const sink = new PassThrough();
    {
      await using logging = await openTestApi({ log: pino({ level: 'debug' }, sink) });
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      await converse(logging, head);
    }
    sink.end();
    expect(await linesOf(sink)).toMatchObject([{ url, msg: 'request answered' }]);
  });

  it('names no path that would steer a terminal', async () => {
    for (const character of ['\u001b', '\u009b', '\u202e', '\n', '\u0007']) {
      const answer = await converse(api, `GET /${character} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      expect([character, answer]).toEqual([character, expect.stringMatching(/^HTTP\/1.1 400 /)]);
    }
  });

  it('has what the client is not told of a fault, under the id it is told', async () => {
    const sink = new PassThrough();
    await using faulty = await openTestApi({
      attach: () => Promise.reject(new Error('the reason')),
      log: pino({ level: 'info' }, sink),
    });
    const answer = await post(faulty, '{}', json);
    sink.end();
    const { requestId } = errorOf(answer);
    expect(await linesOf(sink)).toMatchObject([
      { requestId, msg: 'request failed', err: { message: 'the reason' } },
    ]);
  });
});

async function linesOf(sink: PassThrough): Promise<unknown[]> {
  const lines = (await text(sink)).split('\n').filter((line) => line !== '');
  return lines.map((line): unknown => JSON.parse(line));
}

/** Everything that comes back for these bytes until the server closes. */
async function converse({ host, port }: Api, bytes: string): Promise<string> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.write(bytes);
  return text(socket);
}
