import { describe, expect, it } from 'vitest';
import { makeApp } from '../../src/api/app.ts';
import { parseBind } from '../../src/api/bind.ts';
import { pageHeaders } from '../../src/api/openapi-page.ts';
import { addRoutes } from '../../src/api/routes.ts';
import type { OpenApiDocument } from '../../src/api/openapi.ts';
import { faultOf } from './conformance.ts';
import { appParts, ask, openTestApi, someInfo, standIns } from './harness.ts';

describe('GET /api/midge/v1/openapi.json', () => {
  it('describes every route, with its scope, and nothing twice', async () => {
    const { signal: stopping } = new AbortController();
    const bind = await parseBind('127.0.0.1:0');
    const access = { grantOf: standIns.grantOf, publicScopes: [] };
    await using app = makeApp({ ...appParts, bind, stopping, access });
    const declared: string[] = [];
    app.addHook('onRoute', ({ method, url, config }) => {
      if (method === 'HEAD' || method === 'OPTIONS') return;
      const path = url.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{rest}');
      declared.push(`${String(method).toLowerCase()} ${path} ${config?.scope}`);
    });
    addRoutes(app, { ...standIns, clientOf: appParts.clientOf, stopping });
    await using api = await openTestApi();
    const answer = await ask(api, { path: '/api/midge/v1/openapi.json' });
    const { openapi, info, paths } = answer.json as OpenApiDocument;
    expect([openapi, info.version]).toEqual(['3.1.0', someInfo.version]);
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { description }]) => {
        const scope = /scope (\w+)\.$/.exec(description)?.[1] ?? 'none';
        return `${method} ${path} ${scope}`;
      }),
    );
    expect(described.toSorted()).toEqual(declared.toSorted());
  });
});

describe('GET /api/midge/v1/docs', () => {
  it('is a page that loads nothing and runs nothing', async () => {
    await using api = await openTestApi();
    const { status, headers, bytes } = await ask(api, { path: '/api/midge/v1/docs' });
    const html = bytes.toString();
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers).toMatchObject(pageHeaders);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|src=|https?:\/\//i);
    expect(html).toContain('<code>/api/v1/messages/{messageId}</code> a message as JSON');
    // What its own policy must let through.
    expect(html.match(/<style>/g)).toHaveLength(1);
    expect(html).not.toContain('style=');
  });
});

describe('an answer', () => {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  const seen = (status: number, json: unknown) => ({
    status,
    headers,
    json,
    bytes: Buffer.from(json === undefined ? '' : JSON.stringify(json)),
  });
  const error = { code: '404', message: 'x', reason: 'y', requestId: 'z' };
  const info = { method: 'GET', path: '/api/v1/info?x=1' };

  it.each([
    [info, seen(200, { data: someInfo })],
    [info, seen(503, { error })],
    [{ method: 'GET', path: '/nowhere' }, seen(404, { error })],
    [{ method: 'GET', path: '/health' }, seen(503, undefined)],
    [{ method: 'HEAD', path: '/api/v1/info' }, seen(200, undefined)],
  ])('that is declared passes: %j', (question, answer) => {
    expect(faultOf(question, answer)).toBeUndefined();
  });

  it.each([
    [info, seen(200, { data: { ...someInfo, name: 5 } }), '{"data"'],
    [info, seen(200, someInfo), '{"name"'],
    [info, seen(201, { data: someInfo }), 'the status 201'],
    [info, seen(404, { error: { ...error, reason: undefined } }), '{"error"'],
    [info, { ...seen(200, { data: someInfo }), headers: { 'content-type': 'text/html' } }, 'type'],
    [{ method: 'GET', path: '/nowhere' }, seen(200, { data: 1 }), 'the status 200'],
    [{ method: 'GET', path: '/health' }, seen(200, { data: 1 }), 'a body'],
    [{ method: 'HEAD', path: '/api/v1/info' }, seen(200, { data: 1 }), 'a body'],
  ])('that is not declared is told: %j', (question, answer, words) => {
    expect(faultOf(question, answer)).toContain(words);
  });
});
