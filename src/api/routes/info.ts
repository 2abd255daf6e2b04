// What the node is and can do.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const infoSchema = Type.Object({
  name: Type.String(),
  version: Type.String(),
  isHealthy: Type.Boolean(),
  networkId: Type.String({ description: 'the name of the network; clients hash it themselves' }),
  bech32HRP: Type.String(),
  minPoWScore: Type.Number(),
  messagesPerSecond: Type.Number(),
  referencedMessagesPerSecond: Type.Number(),
  referencedRate: Type.Number({ description: 'percent' }),
  latestMilestoneTimestamp: Type.Integer({ description: 'Unix seconds' }),
  latestMilestoneIndex: Type.Integer(),
  confirmedMilestoneIndex: Type.Integer(),
  pruningIndex: Type.Integer(),
  features: Type.Array(Type.String()),
});

export type NodeInfo = Readonly<Static<typeof infoSchema>>;

export interface InfoDeps {
  readonly info: () => NodeInfo;
}

export function infoRoutes(app: ApiServer, { info }: InfoDeps): void {
  app.route({
    method: 'GET',
    url: '/api/v1/info',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'what the node is and can do',
      response: { 200: dataOf(infoSchema), ...problems },
    },
    handler: () => ({ data: info() }),
  });
}
