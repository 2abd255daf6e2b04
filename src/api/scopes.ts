// Who may do what. Every route says in its own declaration what a caller needs; nothing is ever decided by
// comparing URLs, which can be written in many ways.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { FastifyRequest, RouteOptions } from 'fastify';
import { TangleError } from '../errors.ts';
import type { RouteLimit } from './limits.ts';
import { problems } from './route.ts';

/** `admin` changes the node or tells of its neighbours; it always needs a token, and opens all other doors. */
export const scopes = ['read', 'attach', 'pow', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/**
 * `none` is for what must answer whoever asks: the health of the node, and the preflight of browsers; and for MQTT,
 * whose clients show their token in their own first packet.
 */
export type RouteScope = Scope | 'none';

declare module 'fastify' {
  interface FastifyContextConfig {
    scope?: RouteScope;
    limit?: RouteLimit;
    /** Of @fastify/cors: the answers of this route say nothing to web pages. */
    cors?: false;
  }
  interface FastifyRequest {
    /** What the caller may do; set before any handler runs. */
    grant: Grant;
    /** What its route declares. `routeOptions` says the same, but is put together anew whenever it is read. */
    declared: FastifyRequest['routeOptions']['config'];
  }
}

/** What a token, or the lack of one, allows. */
export interface Grant {
  readonly scopes: ReadonlySet<Scope>;
  /** Undefined for a caller without a token that is valid. */
  readonly tokenId?: string | undefined;
  /** There is a token, and nobody can say now what it allows. */
  readonly isUnchecked?: true;
}

/**
 * Undefined when nobody is known by that token; fails when that cannot be told now. Nothing is waited for where nothing
 * has to be read or computed.
 */
export type GrantOf = (token: string) => Grant | undefined | Promise<Grant | undefined>;

export interface Access {
  readonly grantOf: GrantOf;
  /** What callers without a token may do. Never admin. */
  readonly publicScopes: readonly Scope[];
}

/** A route that does not say who may use it, how much, and what for is a mistake of ours that must not reach anybody. */
export function checkRoute({ url, method, schema, config }: RouteOptions): void {
  // The answer to preflights, which @fastify/cors adds.
  if (method === 'OPTIONS') return;
  assert.ok(config?.scope !== undefined, `the route ${url} declares no scope`);
  assert.ok(config.limit !== undefined, `the route ${url} declares no limit`);
  assert.ok(schema !== undefined, `the route ${url} declares no schema`);
  assert.ok(schema.summary !== undefined, `the route ${url} declares no summary`);
  const isWhole = Object.keys(problems).every((status) => status in Object(schema.response));
  assert.ok(isWhole, `the route ${url} declares no problems`);
}

type Done = (error?: Error) => void;

/** The header of a request, and the token in it. */
interface Shown {
  readonly header: string;
  readonly token: string;
}

/** An `onRequest` hook that fails no request; it waits only for tokens that were not asked for before. */
export function makeIdentify({ grantOf, publicScopes }: Access) {
  const stranger = strangerOf(publicScopes);
  /** Of each connection: what comes again need not be taken apart again. */
  const shown = new WeakMap<Socket, Shown>();
  const tokenOf = ({ headers, raw: { socket } }: FastifyRequest, header: string): string => {
    const last = shown.get(socket);
    if (last?.header === header) return last.token;
    const token = tokenIn(headers);
    shown.set(socket, { header, token });
    return token;
  };
  const unchecked: Grant = { ...stranger, isUnchecked: true };
  return (request: FastifyRequest, _reply: unknown, done: Done): void => {
    const { authorization } = request.headers;
    request.grant = stranger;
    if (authorization === undefined) {
      done();
      return;
    }
    const know = (known: Grant | undefined): void => {
      // A token that is not known is as good as none where none is needed.
      request.grant = known ?? stranger;
      done();
    };
    // Nor does a file of tokens that is broken keep anybody from what is public.
    const fail = (): void => know(unchecked);
    try {
      const known = grantOf(tokenOf(request, authorization));
      if (known instanceof Promise) known.then(know, fail);
      else know(known);
    } catch {
      fail();
    }
  };
}

/** An `onRequest` hook, after `makeIdentify`. Fails with TOKEN_MISSING, TOKEN_INVALID, SCOPE_MISSING, TOKEN_FILE_INVALID. */
export function authorize(request: FastifyRequest, _reply: unknown, done: Done): void {
  const { grant, headers, declared } = request;
  const needed = declared.scope;
  if (needed === undefined || needed === 'none' || mayDo(grant, needed)) done();
  else if (grant.isUnchecked === true) done(tokensUnavailable());
  else if (grant.tokenId !== undefined) done(scopeMissing(needed));
  else
    done(
      headers.authorization === undefined ? tokenMissing(needed) : new TangleError('TOKEN_INVALID'),
    );
}

/** What a caller without a token may do. */
export function strangerOf(publicScopes: Access['publicScopes']): Grant {
  const stranger: Grant = { scopes: new Set(publicScopes) };
  assert.ok(!mayDo(stranger, 'admin'), 'admin is never public');
  return stranger;
}

export function mayDo(grant: Grant, scope: Scope): boolean {
  return grant.scopes.has('admin') || grant.scopes.has(scope);
}

/** For what a route decides only when it has read the body. Throws TOKEN_MISSING, SCOPE_MISSING, TOKEN_FILE_INVALID. */
export function demand(grant: Grant, scope: Scope): void {
  if (mayDo(grant, scope)) return;
  if (grant.isUnchecked === true) throw tokensUnavailable();
  throw grant.tokenId === undefined ? tokenMissing(scope) : scopeMissing(scope);
}

/** Empty where there is none, which nobody is known by. */
export function tokenIn({ authorization = '' }: FastifyRequest['headers']): string {
  return /^Bearer +([!-~]{1,2048})$/i.exec(authorization)?.[1] ?? '';
}

function tokenMissing(needed: Scope): TangleError {
  return new TangleError(
    'TOKEN_MISSING',
    `This needs a token with the scope ${needed}: send it as "Authorization: Bearer TOKEN".`,
  );
}

function scopeMissing(needed: Scope): TangleError {
  return new TangleError('SCOPE_MISSING', `The token has not the scope ${needed}.`);
}

function tokensUnavailable(): TangleError {
  return new TangleError(
    'TOKEN_FILE_INVALID',
    'The token cannot be checked now: a file of this node is broken, and its log says which.',
  );
}
