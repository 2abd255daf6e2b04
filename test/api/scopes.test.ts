// Every route against every caller, by every way to write its URL that a router, a proxy or a browser may let through.
import type { RouteShorthandOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeApp } from '../../src/api/app.ts';
import { parseBind } from '../../src/api/bind.ts';
import { problems } from '../../src/api/route.ts';
import type { ApiServer } from '../../src/api/route.ts';
import { addRoutes } from '../../src/api/routes.ts';
import { scopes } from '../../src/api/scopes.ts';
import type { RouteScope } from '../../src/api/scopes.ts';
import { openApi } from '../../src/api/server.ts';
import type { Api } from '../../src/api/server.ts';
import { closedPaths } from '../../src/proxies/plan.ts';
import { appParts, ask, errorOf, openTestApi, post, standIns } from './harness.ts';

interface Declared {
  readonly method: string;
  readonly url: string;
  readonly scope: RouteScope | undefined;
}

async function emptyApp(): Promise<ApiServer> {
  const { signal: stopping } = new AbortController();
  const bind = await parseBind('127.0.0.1:0');
  const access = { grantOf: standIns.grantOf, publicScopes: [] };
  return makeApp({ ...appParts, bind, stopping, access });
}

async function declaredRoutes(): Promise<Declared[]> {
  await using app = await emptyApp();
  const found: Declared[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const name of [method].flat()) found.push({ method: name, url, scope: config?.scope });
  });
  const { signal: stopping } = new AbortController();
  addRoutes(app, { ...standIns, clientOf: appParts.clientOf, stopping });
  return found.filter(({ method }) => method !== 'OPTIONS');
}

const routes = await declaredRoutes();
const concrete = (url: string): string =>
  url
    .replace(/:messageId/, '00'.repeat(32))
    .replace(/:\w+/, '1')
    .replace('*', '1');

/** Statuses by which a caller is told who it is not. */
const isRefused = (status: number): boolean => status === 401 || status === 403;

describe('routes', () => {
  it('are found, admin ones among them', () => {
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.filter(({ scope }) => scope === 'admin').map(({ url }) => url)).toContain(
      '/api/v1/peers',
    );
  });

  it('of the owner are those that proxies keep inside', () => {
    const open = routes
      .filter(({ scope }) => scope === 'admin')
      .filter(({ url }) => !closedPaths.some((path) => url === path || url.startsWith(`${path}/`)));
    expect(open).toEqual([]);
  });

  const incomplete: Readonly<Record<string, RouteShorthandOptions>> = {
    scope: { config: { limit: 'lookup' }, schema: {} },
    limit: { config: { scope: 'read' }, schema: {} },
    schema: { config: { scope: 'read', limit: 'lookup' } },
    summary: { config: { scope: 'read', limit: 'lookup' }, schema: { response: problems } },
    problems: { config: { scope: 'read', limit: 'lookup' }, schema: { summary: 'x' } },
  };

  it.each(Object.keys(incomplete))('do not register without a %s', async (what) => {
    await using app = await emptyApp();
    const register = (): unknown => app.get('/api/v1/new', incomplete[what]!, () => null);
    expect(register).toThrow(`the route /api/v1/new declares no ${what}`);
  });
});

/** Neither of these opens what its route keeps shut. */
const disguises: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `${path}?x=/health`,
  (path) => `${path}?/api/v1/info`,
  (path) => `${path}?access_token=admin`,
  (path) => `${path}#/health`,
  (path) => `${path}/`,
  (path) => `${path}//`,
  (path) => `${path}.`,
  (path) => `${path}..`,
  (path) => `${path}/.`,
  (path) => `${path}%2f`,
  (path) => `${path}%2e`,
  (path) => `${path}%00`,
  (path) => `${path}%20`,
  (path) => `${path};/health`,
  (path) => `/${path}`,
  (path) => path.replaceAll('/', '//'),
  (path) => `/${path.slice(1).replaceAll('/', '\\')}`,
  (path) => `/health/..${path}`,
  (path) => `/health/%2e%2e${path}`,
  (path) => `/health/..%2f${path.slice(1)}`,
  (path) => `/health%2f..${path}`,
  (path) => `/.${path}`,
  (path) => path.replace('api', '%61pi'),
  (path) => path.replace('api', 'API'),
  (path) => path.replace('/v1/', '/v1%2f'),
  (path) => path.replace('/v1/', '/v1/./'),
  (path) => path.replace('/v1/', '/v1/%2e/'),
  (path) => path.replace('/v1/', '/V1/'),
  (path) => path.toUpperCase(),
  (path) => `http://127.0.0.1${path}`,
];

/** What some proxies and frameworks take for another request than the one that was sent. */
const overrides: readonly ((path: string, method: string) => Record<string, string>)[] = [
  (_path, method) => ({ 'x-http-method-override': method }),
  (_path, method) => ({ 'x-http-method': method }),
  (_path, method) => ({ 'x-method-override': method }),
  (path) => ({ 'x-original-url': path }),
  (path) => ({ 'x-rewrite-url': path }),
  (path) => ({ 'x-forwarded-uri': path }),
  () => ({ 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' }),
];

describe('a caller', () => {
  let api: Api;
  beforeAll(async () => {
    api = await openApi({ bind: '127.0.0.1:0', publicScopes: [] }, standIns);
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const statusOf = async (route: Declared, path: string, token?: string): Promise<number> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await ask(api, { method: route.method, path, headers })).status;
  };

  it.each(routes)('with a scope opens $method $url, with another not', async (route) => {
    // A stream of events would not end: this one is refused when the caller was let in.
    const path = concrete(route.url).replace(/\/v1\/events$/, '$&?cursor=-');
    for (const token of [undefined, 'nobody', ...scopes]) {
      const isOpen = route.scope === 'none' || token === route.scope || token === 'admin';
      const status = await statusOf(route, path, token);
      expect([token, isRefused(status)]).toEqual([token, !isOpen]);
    }
  });

  it.each(routes.filter(({ scope }) => scope !== 'none'))(
    'gets into $method $url by no other way to write it',
    async (route) => {
      for (const disguise of disguises) {
        const path = disguise(concrete(route.url));
        const status = await statusOf(route, path);
        expect([path, status]).toEqual([path, expect.toSatisfy(isShut)]);
      }
    },
  );

  it.each(routes.filter(({ scope }) => scope !== 'none'))(
    'gets into $method $url by no header that says something else',
    async (route) => {
      const path = concrete(route.url);
      for (const override of overrides) {
        const headers = override('/health', 'OPTIONS');
        const { status } = await ask(api, { method: route.method, path, headers });
        expect([headers, status]).toEqual([headers, 401]);
        // Nor through a door that is open.
        const front = { path: '/health', headers: override(path, route.method) };
        expect((await ask(api, front)).bytes.length).toBe(0);
      }
    },
  );

  it('learns from OPTIONS nothing of what a route would answer', async () => {
    for (const { url } of routes) {
      const { status, bytes } = await ask(api, { method: 'OPTIONS', path: concrete(url) });
      expect([url, status]).not.toEqual([url, 200]);
      expect(bytes.toString()).not.toContain('"data"');
    }
  });

  it('is told what is missing', async () => {
    const path = '/api/v1/peers';
    const without = await ask(api, { path });
    expect([without.status, errorOf(without).reason]).toEqual([401, 'token_missing']);
    expect(without.headers['www-authenticate']).toBe('Bearer');
    const wrong = await ask(api, { path, headers: { authorization: 'Bearer nobody' } });
    expect([wrong.status, errorOf(wrong).reason]).toEqual([401, 'token_invalid']);
    const small = await ask(api, { path, headers: { authorization: 'Bearer read' } });
    expect([small.status, errorOf(small).reason]).toEqual([403, 'scope_missing']);
  });

  it.each(['Basic YTpi', 'Bearer', 'Bearer a b', `Bearer ${'a'.repeat(3000)}`, 'bearer\tadmin'])(
    'is nobody with %s',
    async (authorization) => {
      const { status } = await ask(api, { path: '/api/v1/peers', headers: { authorization } });
      expect(status).toBe(401);
    },
  );
});

/** Not there under that name is as shut as can be; an absolute URL is the route itself. */
const isShut = (status: number): boolean => isRefused(status) || [400, 404, 405].includes(status);

describe('with the defaults', () => {
  let api: Api;
  beforeAll(async () => {
    api = await openTestApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  it('everybody may read, attach and have work done, and only the owner change the node', async () => {
    expect((await ask(api, { path: '/api/v1/info' })).status).toBe(200);
    expect((await post(api, '{}', 'application/json')).status).toBe(201);
    expect((await ask(api, { path: '/api/v1/peers' })).status).toBe(401);
  });

  it.each(routes)('$method $url is open to everybody unless it is for the owner', async (route) => {
    const path = concrete(route.url).replace(/\/v1\/events$/, '$&?cursor=-');
    for (const headers of [{}, { authorization: 'Bearer nobody' }]) {
      const { status } = await ask(api, { method: route.method, path, headers });
      expect(isRefused(status)).toBe(route.scope === 'admin');
    }
  });

  it('a token that is not known takes nothing away', async () => {
    const headers = { authorization: 'Bearer nobody' };
    expect((await ask(api, { path: '/api/v1/info', headers })).status).toBe(200);
  });
});

describe('work', () => {
  it('is a scope of its own: a message with its nonce needs none', async () => {
    const options = { bind: '127.0.0.1:0', publicScopes: ['attach'] as const };
    await using api = await openApi(options, standIns);
    const whole = { networkId: '1', parentMessageIds: ['00'.repeat(32)], nonce: '1' };
    expect((await post(api, JSON.stringify(whole), 'application/json')).status).toBe(201);
    const refused = await post(api, '{}', 'application/json');
    expect([refused.status, errorOf(refused).reason]).toEqual([401, 'token_missing']);
  });
});

describe('web pages of others', () => {
  const origin = 'https://example.org';
  const preflight = { origin, 'access-control-request-method': 'GET' };

  it('may use public routes', async () => {
    await using api = await openTestApi();
    const path = '/api/v1/info';
    const asked = await ask(api, { method: 'OPTIONS', path, headers: preflight });
    expect(asked.headers['access-control-allow-origin']).toBe('*');
    const answer = await ask(api, { path, headers: { origin } });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  it.each(['/api/v1/peers', '/api/v1/peers/1'])('see nothing of %s', async (path) => {
    await using api = await openTestApi();
    const asked = await ask(api, { method: 'OPTIONS', path, headers: preflight });
    expect(asked.headers).not.toHaveProperty('access-control-allow-origin');
    const headers = { origin, authorization: 'Bearer admin' };
    const answer = await ask(api, { path, headers });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });
});
