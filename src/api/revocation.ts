// Answers that go on for long end when the token that opened them opens nothing any more.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Limits } from './limits.ts';
import { mayDo, strangerOf, tokenIn } from './scopes.ts';
import type { Access } from './scopes.ts';

export interface RevocationDeps {
  readonly access: Access;
  readonly limits: Pick<Limits, 'recheckMs'>;
}

type Done = () => void;

/** An `onRequest` hook, after `authorize`. Where tokens cannot be checked now, they are checked the next time. */
export function makeEndRevoked({ access, limits }: RevocationDeps) {
  const stranger = strangerOf(access.publicScopes);
  return ({ headers, declared }: FastifyRequest, { raw }: FastifyReply, done: Done): void => {
    const { limit, scope = 'none' } = declared;
    if (limit !== 'stream' || scope === 'none' || mayDo(stranger, scope)) return done();
    const token = tokenIn(headers);
    const recheck = async (): Promise<void> => {
      const grant = await access.grantOf(token);
      if (grant === undefined || !mayDo(grant, scope)) raw.destroy();
    };
    const timer = setInterval(() => void recheck().catch(() => undefined), limits.recheckMs);
    timer.unref();
    raw.once('close', () => clearInterval(timer));
    done();
  };
}
