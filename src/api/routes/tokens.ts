// The tokens that the owner gives to others.
import { Type } from 'typebox';
import { dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { scopes } from '../scopes.ts';
import { recordSchema } from '../token-records.ts';
import type { TokenRecord } from '../token-records.ts';
import { tokenLimits } from '../tokens.ts';
import type { Tokens } from '../tokens.ts';

export interface TokensRouteDeps {
  readonly tokens: Pick<Tokens, 'create' | 'list' | 'revoke'>;
}

const url = '/api/midge/v1/tokens';

const bodySchema = Type.Object(
  {
    scopes: Type.Array(Type.Enum(scopes, { description: `one of ${scopes.join(', ')}` }), {
      description: `a list of ${scopes.join(', ')}`,
      minItems: 1,
      maxItems: scopes.length,
    }),
    lifetimeMs: Type.Integer({
      description: `a number of milliseconds from 1000 to ${tokenLimits.lifetimeMs}`,
      minimum: 1000,
      maximum: tokenLimits.lifetimeMs,
    }),
    name: Type.Optional(
      Type.String({
        description: 'a name for people, 1 to 64 characters',
        minLength: 1,
        maxLength: 64,
      }),
    ),
  },
  { additionalProperties: false },
);

const newSchema = Type.Object({
  token: Type.String({ description: 'shown this once' }),
  ...recordSchema.properties,
});

export function tokensRoutes(app: ApiServer, { tokens }: TokensRouteDeps): void {
  app.route({
    method: 'GET',
    url,
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'the tokens that were given to others',
      response: { 200: dataOf(Type.Array(recordSchema)), ...problems },
    },
    handler: async () => ({ data: (await tokens.list()).map(recordView) }),
  });

  app.route({
    method: 'POST',
    url,
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'make a token',
      body: bodySchema,
      response: { 201: dataOf(newSchema), ...problems },
    },
    handler: async ({ body }, reply) => {
      const { token, record } = await tokens.create(body);
      void reply.code(201).header('cache-control', 'no-store');
      return { data: { token, ...recordView(record) } };
    },
  });

  app.route({
    method: 'DELETE',
    url: `${url}/:tokenId`,
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'revoke a token',
      params: Type.Object({ tokenId: Type.String({ description: 'the id of a token' }) }),
      response: { 204: Type.Null(), ...problems },
    },
    handler: async ({ params: { tokenId } }, reply) => {
      await tokens.revoke(tokenId);
      return reply.code(204).send(null);
    },
  });
}

function recordView({ scopes: allowed, ...record }: TokenRecord) {
  return { ...record, scopes: [...allowed] };
}
