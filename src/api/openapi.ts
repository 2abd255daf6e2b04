// The API as an OpenAPI 3.1 document, rendered from what the routes declare.
import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Check } from 'typebox/schema';
import { fastify } from 'fastify';
import type { FastifySchema, RouteOptions } from 'fastify';
import type { SwaggerOptions } from '@fastify/swagger';
import { problemSchema } from './route.ts';
import type { ApiServer } from './route.ts';
import type { RouteScope } from './scopes.ts';

export interface DescribedRoute {
  readonly method: string;
  readonly url: string;
  readonly schema: FastifySchema;
  readonly scope: RouteScope;
}

const contentSchema = Type.Record(Type.String(), Type.Object({ schema: Type.Object({}) }));

const operationSchema = Type.Object({
  summary: Type.String(),
  tags: Type.Array(Type.String()),
  description: Type.String(),
  parameters: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        in: Type.String(),
        required: Type.Optional(Type.Boolean()),
        description: Type.Optional(Type.String()),
      }),
    ),
  ),
  requestBody: Type.Optional(Type.Object({ content: contentSchema })),
  responses: Type.Record(
    Type.String(),
    Type.Object({ description: Type.String(), content: Type.Optional(contentSchema) }),
  ),
});

/** As far as we look into it. */
const documentSchema = Type.Object({
  openapi: Type.Literal('3.1.0'),
  info: Type.Object({
    title: Type.String(),
    version: Type.String(),
    description: Type.String(),
  }),
  components: Type.Object({ schemas: Type.Record(Type.String(), Type.Object({})) }),
  paths: Type.Record(Type.String(), Type.Record(Type.String(), operationSchema)),
});

export type OpenApiDocument = Static<typeof documentSchema>;
export type Operation = Static<typeof operationSchema>;
export type Content = Static<typeof contentSchema>;

/** All routes that are added from now on, but for what answers HEAD and OPTIONS. */
export function describeRoutes(app: ApiServer): readonly DescribedRoute[] {
  const routes: DescribedRoute[] = [];
  app.addHook('onRoute', (route) => {
    routes.push(...describedOf(route));
  });
  return routes;
}

function describedOf({ method, url, schema, config }: RouteOptions): DescribedRoute[] {
  const isOurs = typeof method === 'string' && !['HEAD', 'OPTIONS'].includes(method);
  if (!isOurs || schema === undefined || config?.scope === undefined) return [];
  return [{ method, url, schema, scope: config.scope }];
}

/**
 * On a server of its own that nobody asks: the renderer wants to see routes as they are added, and what it costs to
 * have it there is paid when somebody wants the document.
 */
export async function renderOpenApi(
  routes: readonly DescribedRoute[],
  version: string,
): Promise<OpenApiDocument> {
  // Of a CommonJS package the bundle gives a dynamic import no more than its default.
  const { default: swagger } = await import('@fastify/swagger');
  await using app = fastify({ exposeHeadRoutes: false });
  await app.register(swagger, optionsOf(version));
  for (const { method, url, schema, scope } of routes) {
    app.route({
      method,
      url: url.replace('*', ':rest'),
      schema: { ...schema, tags: [tagOf(url)], ...accessOf(scope) },
      handler: () => null,
    });
  }
  await app.ready();
  // By JSON, which leaves out what only code can see of a schema.
  const document: unknown = JSON.parse(JSON.stringify(app.swagger()));
  assert(Check(documentSchema, document));
  nameReplies(document);
  return document;
}

function optionsOf(version: string): SwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Midge',
        version,
        description: 'The REST API of a Tangle node: Chrysalis v1, and what Midge has besides.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
  };
}

/** What stands after the version: `messages`, `peers`; the first word where there is none. */
function tagOf(url: string): string {
  return /^\/api\/(?:midge\/)?v1\/([^/]+)/.exec(url)?.[1] ?? url.split('/')[1] ?? '';
}

/** What needs no admin is public unless the owner says otherwise. */
function accessOf(scope: RouteScope) {
  if (scope === 'none') return { description: 'Needs no token.', security: [] };
  const description = `Needs the scope ${scope}.`;
  const withToken = { token: [scope] };
  return { description, security: scope === 'admin' ? [withToken] : [{}, withToken] };
}

const replyNames: Readonly<Record<string, string>> = {
  '4XX': 'The request is wrong, or not allowed.',
  '5XX': 'The node cannot, or not now.',
};

/** Every route can fail in the same way, which is said once. */
function nameReplies({ paths, components }: OpenApiDocument): void {
  components.schemas['Problem'] = problemSchema;
  const problem = JSON.stringify(problemSchema);
  for (const { responses } of Object.values(paths).flatMap(Object.values<Operation>)) {
    for (const [status, reply] of Object.entries(responses)) {
      reply.description = replyNames[status] ?? STATUS_CODES[status] ?? status;
      const json = reply.content?.['application/json'];
      if (json !== undefined && JSON.stringify(json.schema) === problem) {
        json.schema = { $ref: '#/components/schemas/Problem' };
      }
    }
  }
}
