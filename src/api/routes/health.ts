// Whether the node does its job as configured: a status for load balancers, the reasons for people.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { bareStatus, dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const checkSchema = Type.Object({
  name: Type.String(),
  ok: Type.Boolean(),
  reason: Type.Optional(Type.String({ description: 'what is wrong, as a sentence' })),
});

export type HealthCheck = Readonly<Static<typeof checkSchema>>;

export interface HealthDeps {
  readonly health: () => readonly HealthCheck[];
}

export const isHealthy = (checks: readonly HealthCheck[]): boolean => checks.every(({ ok }) => ok);

export function healthRoutes(app: ApiServer, { health }: HealthDeps): void {
  app.route({
    method: 'GET',
    url: '/health',
    config: { scope: 'none', limit: 'probe' },
    schema: { summary: 'whether the node does its job, as a status alone', response: bareStatus },
    handler: (_request, reply) => {
      void reply.code(isHealthy(health()) ? 200 : 503).send();
    },
  });

  app.route({
    method: 'GET',
    url: '/api/midge/v1/health',
    config: { scope: 'none', limit: 'probe' },
    schema: {
      summary: 'whether the node does its job, and what is wrong',
      response: {
        200: dataOf(Type.Object({ isHealthy: Type.Boolean(), checks: Type.Array(checkSchema) })),
        ...problems,
      },
    },
    handler: () => {
      const checks = [...health()];
      return { data: { isHealthy: isHealthy(checks), checks } };
    },
  });
}
