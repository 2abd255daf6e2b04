// The API described by itself: for programs, and as a page for people.
import { Type } from 'typebox';
import { renderPage, pageHeaders } from '../openapi-page.ts';
import type { OpenApiDocument } from '../openapi.ts';
import { contentOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface DocsDeps {
  readonly document: () => Promise<OpenApiDocument>;
}

export function docsRoutes(app: ApiServer, { document }: DocsDeps): void {
  app.route({
    method: 'GET',
    url: '/api/midge/v1/openapi.json',
    config: { scope: 'read', limit: 'report' },
    schema: {
      summary: 'this description of the API',
      response: { 200: Type.Unsafe<string>({ type: 'object' }), ...problems },
    },
    handler: async (_request, reply) => {
      // As text, so that nothing is left out that its schema does not name.
      const text = JSON.stringify(await document());
      return reply.type('application/json; charset=utf-8').serializer(String).send(text);
    },
  });

  app.route({
    method: 'GET',
    url: '/api/midge/v1/docs',
    config: { scope: 'read', limit: 'report' },
    schema: {
      summary: 'the same as a page',
      response: { 200: contentOf<string>('text/html'), ...problems },
    },
    handler: async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .headers(pageHeaders)
        .send(renderPage(await document())),
  });
}
