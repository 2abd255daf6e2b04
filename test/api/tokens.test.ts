import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmod, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openTokens, tokenLimits } from '../../src/api/tokens.ts';
import type { Tokens } from '../../src/api/tokens.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { ask, errorOf, openTestApi } from './harness.ts';

const dayMs = 24 * 60 * 60_000;
const adminFor = { scopes: ['admin'] as const, lifetimeMs: dayMs };
const asked = { scopes: ['read', 'pow'] as const, lifetimeMs: dayMs, name: 'dashboard' };

const keyOf = async (path: string): Promise<Buffer> =>
  Buffer.from((await readFile(join(path, 'tokens.key'), 'utf8')).trim(), 'hex');

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token', () => {
  it('allows what it was made for, until it expires', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const tokens = await openTokens(folder.path, { clock });
    const { token, record } = await tokens.create(asked);
    const grant = { scopes: new Set(['read', 'pow']), tokenId: record.id };
    expect(await tokens.grantOf(token)).toEqual(grant);
    clock.advance(dayMs - 1);
    expect(await tokens.grantOf(token)).toEqual(grant);
    clock.advance(1);
    expect(await tokens.grantOf(token)).toBeUndefined();
  });

  it('outlives a restart, and is revoked for good', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const { token, record } = await (await openTokens(folder.path, { clock })).create(asked);
    const tokens = await openTokens(folder.path, { clock });
    expect(await tokens.grantOf(token)).toBeDefined();
    await tokens.revoke(record.id);
    expect(await tokens.grantOf(token)).toBeUndefined();
    expect(await (await openTokens(folder.path, { clock })).grantOf(token)).toBeUndefined();
    await expect(tokens.revoke(record.id)).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
  });

  it('is made and revoked by a command while a node has the folder open', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const node = await openTokens(folder.path, { clock });
    const command = await openTokens(folder.path, { clock });
    const { token, record } = await command.create(asked);
    expect(await node.grantOf(token)).toBeDefined();
    await command.revoke(record.id);
    expect(await node.grantOf(token)).toBeUndefined();
  });

  it('is written to no file', async () => {
    await using folder = await aFolder();
    const tokens = await openTokens(folder.path, { clock: new HandClock() });
    const { token, record } = await tokens.create(asked);
    expect(await tokens.list()).toEqual([record]);
    const signature = token.split('.').at(-1)!;
    const files = await readdir(folder.path);
    expect(files.toSorted()).toEqual(['api.token', 'tokens.json', 'tokens.key']);
    for (const file of files) {
      const text = await readFile(join(folder.path, file), 'utf8');
      expect([file, text.includes(signature)]).toEqual([file, false]);
    }
  });

  it('is one of a thousand at most, of which the expired make room', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const records = Array.from({ length: tokenLimits.count }, (_, number) => ({
      id: number.toString(16).padStart(16, '0'),
      scopes: ['read'],
      createdAtMs: 0,
      expiresAtMs: clock.now() + (number === 0 ? 1 : dayMs),
    }));
    await writeFile(join(folder.path, 'tokens.json'), JSON.stringify({ tokens: records }));
    const tokens = await openTokens(folder.path, { clock });
    await expect(tokens.create(asked)).rejects.toMatchObject({ code: 'TOO_MANY_TOKENS' });
    clock.advance(1);
    await tokens.create(asked);
    expect(await tokens.list()).toHaveLength(tokenLimits.count);
  });
});

describe('the key of the tokens', () => {
  it('is refused when others can read it', async () => {
    await using folder = await aFolder();
    await openTokens(folder.path, { clock: new HandClock() });
    await chmod(join(folder.path, 'tokens.key'), 0o640);
    await expect(openTokens(folder.path, { clock: new HandClock() })).rejects.toMatchObject({
      code: 'TOKEN_FILE_INVALID',
    });
  });

  it('is no other one of the folder', async () => {
    await using folder = await aFolder();
    await openTokens(folder.path, { clock: new HandClock() });
    const owner = await readFile(join(folder.path, 'api.token'), 'utf8');
    expect(await readFile(join(folder.path, 'tokens.key'), 'utf8')).not.toBe(owner);
  });
});

interface Forge {
  readonly key: Buffer;
  /** Of a token that is good, and its parts. */
  readonly token: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

type Header = Readonly<Record<string, unknown>> & { readonly alg: string };

/** Signs with the right key, whatever is asked. */
function signed(header: Header, claims: object, key: Buffer): string {
  const hash = header.alg === 'HS512' ? 'sha512' : 'sha256';
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
}

const without = (claims: Forge['claims'], name: string): object =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

const forgeries: Readonly<Record<string, (forge: Forge) => string | Promise<string>>> = {
  'an unsigned one': ({ claims }) => `${part({ alg: 'none' })}.${part(claims)}.`,
  'one that keeps the signature and says it has none': ({ token }) =>
    [part({ alg: 'none' }), ...token.split('.').slice(1)].join('.'),
  'one of another algorithm of the same key': ({ key, claims }) =>
    signed({ alg: 'HS512' }, claims, key),
  'one that says another algorithm': ({ key, claims }) => signed({ alg: 'HS384' }, claims, key),
  'one signed with a key pair': async ({ claims }) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
  },
  'one that says RS256 and is signed with the key as a secret': ({ key, claims }) =>
    signed({ alg: 'RS256' }, claims, key),
  'one of another key': ({ claims }) => signed({ alg: 'HS256' }, claims, randomBytes(32)),
  'one that brings its key along': ({ claims }) => {
    const key = randomBytes(32);
    const jwk = { kty: 'oct', k: key.toString('base64url') };
    return signed({ alg: 'HS256', jwk }, claims, key);
  },
  'one for another audience': ({ key, claims }) =>
    signed({ alg: 'HS256' }, { ...claims, aud: 'elsewhere' }, key),
  'one for no audience': ({ key, claims }) => signed({ alg: 'HS256' }, without(claims, 'aud'), key),
  'one without an end': ({ key, claims }) => signed({ alg: 'HS256' }, without(claims, 'exp'), key),
  'one without an id': ({ key, claims }) => signed({ alg: 'HS256' }, without(claims, 'jti'), key),
  'one of an id that is not known': ({ key, claims }) =>
    signed({ alg: 'HS256' }, { ...claims, jti: '00'.repeat(8) }, key),
  'one of an id that is no text': ({ key, claims }) =>
    signed({ alg: 'HS256' }, { ...claims, jti: [claims['jti']] }, key),
  'one that has ended': ({ key, claims }) => signed({ alg: 'HS256' }, { ...claims, exp: 1 }, key),
  'one with claims of its own': ({ token, claims }) =>
    token.replace(/\.[^.]*\./, `.${part({ ...claims, scopes: ['admin'] })}.`),
  'one cut short': ({ token }) => token.slice(0, -1),
  'one with a critical extension': ({ key, claims }) =>
    signed({ alg: 'HS256', crit: ['x'], x: 1 }, claims, key),
  'the id alone': ({ claims }) => String(claims['jti']),
  nonsense: () => 'a.b.c',
};

async function withTokens(path: string) {
  const written: Record<string, unknown>[] = [];
  const sink = { write: (line: string) => written.push(JSON.parse(line) as (typeof written)[0]) };
  const serializers = { err: pino.stdSerializers.err };
  const log = pino({ serializers, formatters: { level: (level) => ({ level }) } }, sink);
  const lines = () => written;
  const tokens = await openTokens(path, { clock: new HandClock(), log });
  return { tokens, lines, api: await openTestApi({ tokens, grantOf: tokens.grantOf }) };
}

async function forgeOf(path: string, tokens: Tokens): Promise<Forge> {
  const { token } = await tokens.create({ scopes: ['admin'], lifetimeMs: dayMs });
  const claims = Buffer.from(token.split('.')[1]!, 'base64url').toString();
  return { key: await keyOf(path), token, claims: JSON.parse(claims) as Forge['claims'] };
}

describe('an API with tokens', () => {
  it('takes one that the forger below could make with the key', async () => {
    await using folder = await aFolder();
    const { api, tokens } = await withTokens(folder.path);
    await using _ = api;
    const { key, claims, token } = await forgeOf(folder.path, tokens);
    for (const good of [token, signed({ alg: 'HS256' }, claims, key)]) {
      const headers = { authorization: `Bearer ${good}` };
      expect((await ask(api, { path: '/api/v1/peers', headers })).status).toBe(200);
    }
  });

  it.each(Object.entries(forgeries))('is not opened by %s', async (_name, make) => {
    await using folder = await aFolder();
    const { api, tokens } = await withTokens(folder.path);
    await using _ = api;
    const token = await make(await forgeOf(folder.path, tokens));
    const headers = { authorization: `Bearer ${token}` };
    const answer = await ask(api, { path: '/api/v1/peers', headers });
    expect([answer.status, errorOf(answer)]).toMatchObject([
      401,
      {
        reason: 'token_invalid',
        message: 'The token is not one of this node, has expired, or was revoked.',
      },
    ]);
  });
});

describe('while the file of the tokens is broken', () => {
  const infoPath = '/api/v1/info';
  const peersPath = '/api/v1/peers';

  it('a token opens what is public and nothing else, until the file is good again', async () => {
    await using folder = await aFolder();
    const { tokens, api, lines } = await withTokens(folder.path);
    await using _ = api;
    const [early, late] = [await tokens.create(asked), await tokens.create(adminFor)];
    const get = (path: string, { token }: { readonly token: string }) =>
      ask(api, { path, headers: { authorization: `Bearer ${token}` } });
    expect((await get(infoPath, early)).status).toBe(200);

    const path = join(folder.path, 'tokens.json');
    const good = await readFile(path);
    await writeFile(path, good.subarray(0, -9));
    // One that was seen before, and one that was not.
    for (const token of [early, late, early, late]) {
      expect((await get(infoPath, token)).status).toBe(200);
      const refused = await get(peersPath, token);
      expect([refused.status, errorOf(refused).reason]).toEqual([503, 'token_file_invalid']);
      expect(errorOf(refused).message).not.toContain(path);
      expect(refused.headers['retry-after']).toBeDefined();
    }
    expect((await get(peersPath, { token: 'nobody' })).status).toBe(401);
    expect(lines().map(({ level }) => level)).toEqual(['error']);
    expect(lines()[0]?.['err']).toMatchObject({ message: expect.stringContaining(path) as string });

    await writeFile(path, good);
    expect((await get(peersPath, late)).status).toBe(200);
    expect(lines().map(({ level }) => level)).toEqual(['error', 'info']);
  });

  it('the owner is known still, and told the way out', async () => {
    await using folder = await aFolder();
    const { tokens, api } = await withTokens(folder.path);
    await using _ = api;
    await tokens.create(asked);
    const owner = (await readFile(join(folder.path, 'api.token'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${owner}` };
    const path = join(folder.path, 'tokens.json');
    await rm(path);
    await writeFile(path, '{');
    expect((await ask(api, { path: peersPath, headers })).status).toBe(200);
    const refused = await ask(api, { path: '/api/midge/v1/tokens', headers });
    expect([refused.status, errorOf(refused).message]).toEqual([
      503,
      `${path} is no list of tokens; restore it from a copy, or remove it, which revokes all tokens.`,
    ]);
  });
});
