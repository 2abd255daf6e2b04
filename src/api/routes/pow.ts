// What the node's proof of work can do for clients, and what it would take to do it.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { TangleError } from '../../errors.ts';
import { maxMessageBytes } from '../../protocol/message.ts';
import { bareStatus, dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { isHealthy } from './health.ts';
import type { HealthDeps } from './health.ts';
import { makeTellSpare } from '../spare.ts';
import type { SpareDeps } from '../spare.ts';

const statusSchema = Type.Object({
  kernel: Type.String({ description: 'what does the hashing' }),
  workers: Type.Integer({ description: 'threads' }),
  cpuBudget: Type.Number({ description: 'share of all cores that mining may use' }),
  usedShare: Type.Number({ description: 'share of all cores that it uses' }),
  hashesPerSecond: Type.Number({ description: 'measured, within the budget' }),
  maxZeros: Type.Integer({ description: 'the hardest work that is done' }),
  running: Type.Integer({ description: 'jobs' }),
  queued: Type.Integer({ description: 'jobs' }),
  queueSize: Type.Integer({ description: 'jobs that may be queued' }),
  queuedHashes: Type.Number({ description: 'what the queued jobs need on average' }),
  isBackingOff: Type.Boolean({ description: 'mining rests because the node itself is late' }),
});

const estimateSchema = Type.Object({
  sizeBytes: Type.Integer(),
  zeros: Type.Integer({ description: 'trailing zeros that the hash needs' }),
  expectedHashes: Type.Number({ description: 'on average' }),
  expectedMs: Type.Number({ description: 'mining, on average' }),
  queueMs: Type.Number({ description: 'waiting before' }),
  isAccepted: Type.Boolean({ description: 'whether it would be taken now' }),
  reason: Type.Optional(Type.String({ description: 'the slug of the refusal' })),
});

type Status = Readonly<Static<typeof statusSchema>>;
type Estimate = Readonly<Static<typeof estimateSchema>>;

export interface PowDeps extends SpareDeps, HealthDeps {
  /** Absent when proof of work for clients is switched off. */
  readonly pow?:
    | {
        readonly status: () => Status;
        readonly estimate: (sizeBytes: number) => Estimate;
      }
    | undefined;
}

export function powRoutes(app: ApiServer, { pow, spare, health }: PowDeps): void {
  const onSend = makeTellSpare({ spare });

  // Not whether there is room now: a proxy that looks every second sends all it has to a node that had.
  app.route({
    method: 'GET',
    url: '/health/pow',
    config: { scope: 'none', limit: 'probe' },
    schema: {
      summary: 'whether the node takes work for a client, as a status alone',
      response: bareStatus,
    },
    handler: (_request, reply) => {
      void reply.code(pow !== undefined && isHealthy(health()) ? 200 : 503).send();
    },
  });

  const off = Type.Object({ enabled: Type.Literal(false) });
  const on = Type.Object({ enabled: Type.Literal(true), ...statusSchema.properties });
  app.route({
    method: 'GET',
    url: '/api/midge/v1/pow',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'what the node does for clients',
      response: { 200: dataOf(Type.Union([off, on])), ...problems },
    },
    onSend,
    handler: () => ({
      data:
        pow === undefined
          ? { enabled: false as const }
          : { enabled: true as const, ...pow.status() },
    }),
  });

  app.route({
    method: 'GET',
    url: '/api/midge/v1/pow/estimate',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'what a message of so many bytes would take',
      querystring: Type.Object({
        bytes: Type.String({ pattern: '^[1-9][0-9]{0,4}$', description: sizeWords }),
      }),
      response: { 200: dataOf(estimateSchema), ...problems },
    },
    onSend,
    handler: ({ query }) => {
      const sizeBytes = Number(query.bytes);
      if (sizeBytes > maxMessageBytes) {
        throw new TangleError('FIELD_OUT_OF_RANGE', `bytes must be ${sizeWords}.`);
      }
      if (pow === undefined) throw new TangleError('POW_DISABLED');
      const estimate = pow.estimate(sizeBytes);
      if (estimate.isAccepted) return { data: estimate };
      return { data: { ...estimate, reason: reasonOf(estimate, pow.status()) } };
    },
  });
}

function reasonOf({ zeros }: Estimate, { maxZeros, queued, queueSize }: Status): string {
  if (zeros > maxZeros) return 'pow_too_hard';
  return queued >= queueSize ? 'pow_busy' : 'pow_deadline';
}

const sizeWords = `a number from 1 to ${maxMessageBytes}`;
