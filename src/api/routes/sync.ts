// How far the node is in fetching what it missed.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { mayDo } from '../scopes.ts';

const count = Type.Integer({ minimum: 0 });

const neighbourSchema = Type.Object({
  peerId: Type.String({ description: 'peer id' }),
  isReading: Type.Boolean({ description: 'its log is being read' }),
  takenMessages: Type.Integer({ description: 'new ones of this reading, or of the last' }),
  takenMs: Type.Integer({ description: 'how long that reading takes, or took' }),
  behindMessages: Type.Integer({ description: 'in its log and missing here' }),
  behindMs: Type.Integer({ description: 'since its log was last read to the end; 0 when it is' }),
  isBelowCut: Type.Boolean({ description: 'what is missing here was pruned there' }),
  isTrusted: Type.Boolean({ description: 'named in gossip.trusted' }),
  isDelivering: Type.Boolean({ description: 'it brought 1 000 new messages within a minute' }),
});

const syncSchema = Type.Object({
  isInSync: Type.Boolean(),
  reason: Type.Optional(Type.String({ description: 'why not, as a sentence' })),
  isFirstCatchUp: Type.Boolean({ description: 'attaching is refused meanwhile' }),
  takenMessages: count,
  takenMs: count,
  behindMessages: Type.Integer({ description: 'in the log that is furthest ahead' }),
  neighbours: Type.Optional(
    Type.Array(neighbourSchema, {
      description: 'whose logs are followed; shown to the owner only',
    }),
  ),
});

type Neighbour = Readonly<Static<typeof neighbourSchema>>;

export interface SyncDeps {
  readonly sync: () => Readonly<
    Omit<Static<typeof syncSchema>, 'isInSync' | 'reason' | 'neighbours'>
  > & {
    readonly reason?: string | undefined;
    readonly neighbours: readonly Neighbour[];
  };
}

export function syncRoutes(app: ApiServer, { sync }: SyncDeps): void {
  app.route({
    method: 'GET',
    url: '/api/midge/v1/sync',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'how far the node is in fetching what it missed',
      response: { 200: dataOf(syncSchema), ...problems },
    },
    handler: ({ grant }) => {
      const { reason, neighbours, ...progress } = sync();
      return {
        data: {
          isInSync: reason === undefined,
          ...(reason === undefined ? {} : { reason }),
          ...progress,
          ...(mayDo(grant, 'admin') ? { neighbours: [...neighbours] } : {}),
        },
      };
    },
  });
}
