// What the node counts, for Prometheus.
import { contentOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { mayDo } from '../scopes.ts';

export interface MetricsDeps {
  readonly metrics: {
    /** The type of the text. */
    readonly contentType: string;
    /** The owner sees neighbours one by one, and their addresses. */
    readonly text: (isOwner: boolean) => Promise<string>;
  };
}

export function metricsRoutes(app: ApiServer, { metrics }: MetricsDeps): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { scope: 'read', limit: 'report' },
    schema: {
      summary: 'what the node counts, for Prometheus',
      response: { 200: contentOf<string>('text/plain'), ...problems },
    },
    handler: async ({ grant }, reply) => {
      const text = await metrics.text(mayDo(grant, 'admin'));
      return reply.type(metrics.contentType).send(text);
    },
  });
}
