// Tokens that the owner gives to others: JWTs, signed with a key of their own. A token counts while its record is
// kept, so taking the record away revokes it.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SignJWT, jwtVerify } from 'jose';
import type { CryptoKey } from 'jose';
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { openApiToken } from './api-token.ts';
import type { OwnerOf } from './api-token.ts';
import type { Grant, GrantOf, Scope } from './scopes.ts';
import { openSecret } from './secret-file.ts';
import { TokenRecords } from './token-records.ts';
import type { TokenRecord } from './token-records.ts';

export const tokenLimits = {
  /** Those that have not expired. */
  count: 1_000,
  lifetimeMs: 10 * 365 * 24 * 60 * 60_000,
};

/** Nothing else is accepted, whatever the header of a token says. */
const algorithm = 'HS256';
const audience = 'midge/api';

export interface TokenRequest {
  readonly scopes: readonly Scope[];
  readonly lifetimeMs: number;
  readonly name?: string | undefined;
}

export interface NewToken {
  /** Told this once, and kept nowhere. */
  readonly token: string;
  readonly record: TokenRecord;
}

export interface TokensDeps {
  readonly clock: Clock;
  /** Told once that tokens cannot be checked any more, and once that they can be again. */
  readonly log?: Logger | undefined;
}

/** Opens what tells callers by their tokens: the owner's and those that the owner gave. Throws TOKEN_FILE_INVALID. */
export async function openTokens(dataDir: string, deps: TokensDeps): Promise<Tokens> {
  const ownerOf = await openApiToken(dataDir);
  const secret = await openSecret(join(dataDir, 'tokens.key'));
  // jose takes bytes, too, but imports them anew for each token: 45 us against 18 us.
  const use = { name: 'HMAC', hash: 'SHA-256' };
  const bytes = Buffer.from(secret, 'hex');
  const key = await crypto.subtle.importKey('raw', bytes, use, false, ['sign', 'verify']);
  const records = new TokenRecords(join(dataDir, 'tokens.json'));
  await records.all();
  return new Tokens(key, records, { ...deps, ownerOf });
}

export class Tokens {
  readonly #key: CryptoKey;
  readonly #records: TokenRecords;
  readonly #clock: Clock;
  readonly #ownerOf: OwnerOf;
  readonly #log: Logger | undefined;
  #isBroken = false;
  /** The id in each token whose signature was found good. Only its record tells whether it counts. */
  readonly #signed = new Map<string, string>();
  readonly #grants = new WeakMap<TokenRecord, Grant>();

  constructor(
    key: CryptoKey,
    records: TokenRecords,
    { clock, log, ownerOf }: TokensDeps & { readonly ownerOf: OwnerOf },
  ) {
    this.#key = key;
    this.#records = records;
    this.#clock = clock;
    this.#ownerOf = ownerOf;
    this.#log = log;
  }

  /** Throws TOO_MANY_TOKENS. */
  async create({ scopes, lifetimeMs, name }: TokenRequest): Promise<NewToken> {
    const nowMs = this.#clock.now();
    const record: TokenRecord = {
      id: randomBytes(8).toString('hex'),
      ...(name === undefined ? {} : { name }),
      scopes: [...new Set(scopes)],
      createdAtMs: nowMs,
      expiresAtMs: nowMs + lifetimeMs,
    };
    await this.#records.change((records) => {
      const alive = records.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
      if (alive.length >= tokenLimits.count) throw new TangleError('TOO_MANY_TOKENS');
      return [...alive, record];
    });
    const token = await new SignJWT()
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setJti(record.id)
      .setAudience(audience)
      .setIssuedAt(Math.floor(nowMs / 1000))
      .setExpirationTime(Math.ceil(record.expiresAtMs / 1000))
      .sign(this.#key);
    return { token, record };
  }

  /** Expired ones among them, until the next one is made. */
  list(): Promise<readonly TokenRecord[]> {
    return this.#records.all();
  }

  /** Counts from the next request on. Throws TOKEN_UNKNOWN. */
  revoke(id: string): Promise<void> {
    return this.#records.change((records) => {
      const others = records.filter((record) => record.id !== id);
      if (others.length === records.length) throw new TangleError('TOKEN_UNKNOWN');
      return others;
    });
  }

  /**
   * Whoever asks often asks with the same token: the 18 us for its signature are spent once. Fails with
   * TOKEN_FILE_INVALID while the records cannot be read.
   */
  readonly grantOf: GrantOf = (token) => {
    const id = this.#signed.get(token);
    if (id === undefined) return this.#ownerOf(token) ?? this.#newcomer(token);
    const record = this.#find(id);
    return record instanceof Promise
      ? record.then((found) => this.#grantBy(found))
      : this.#grantBy(record);
  };

  #find(id: string): TokenRecord | undefined | Promise<TokenRecord | undefined> {
    try {
      const record = this.#records.find(id);
      return record instanceof Promise
        ? record.then(this.#readable, this.#unreadable)
        : this.#readable(record);
    } catch (error) {
      return this.#unreadable(error);
    }
  }

  readonly #readable = (record: TokenRecord | undefined): TokenRecord | undefined => {
    if (this.#isBroken) this.#log?.info('tokens can be checked again');
    this.#isBroken = false;
    return record;
  };

  readonly #unreadable = (error: unknown): never => {
    if (!this.#isBroken) {
      this.#log?.error(
        { err: error },
        'tokens cannot be checked, only the token of the owner counts',
      );
    }
    this.#isBroken = true;
    throw error;
  };

  async #newcomer(token: string): Promise<Grant | undefined> {
    const id = await this.#verify(token);
    if (id === undefined) return undefined;
    const [oldest = ''] = this.#signed.keys();
    if (this.#signed.size >= tokenLimits.count) this.#signed.delete(oldest);
    this.#signed.set(token, id);
    return this.#grantBy(await this.#find(id));
  }

  #grantBy(record: TokenRecord | undefined): Grant | undefined {
    if (record === undefined || record.expiresAtMs <= this.#clock.now()) return undefined;
    const known = this.#grants.get(record);
    if (known !== undefined) return known;
    const grant = { scopes: new Set(record.scopes), tokenId: record.id };
    this.#grants.set(record, grant);
    return grant;
  }

  /** Undefined for what we have not signed. */
  async #verify(token: string): Promise<string | undefined> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [algorithm],
        audience,
        requiredClaims: ['jti', 'exp'],
        currentDate: new Date(this.#clock.now()),
      });
      return payload.jti;
    } catch {
      return undefined;
    }
  }
}
