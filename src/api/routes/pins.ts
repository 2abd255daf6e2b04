// What pruning does not take: messages that the owner pinned, one by one or by their index.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { TangleError } from '../../errors.ts';
import { hexOf } from '../../protocol/bytes.ts';
import { messageIdHex, parseMessageId } from '../../protocol/ids.ts';
import type { PinTarget, Store } from '../../storage/store.ts';
import { indexKeyFrom } from '../index-key.ts';
import { dataOf, hex, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const count = Type.Integer({ minimum: 0 });
const messageId = hex('32 bytes');
const index = hex('1 to 64 bytes');

const totalsSchema = Type.Object({
  keptMessages: Type.Integer({
    description: 'pruned, and readable because they are pinned',
    minimum: 0,
  }),
  usedBytes: Type.Integer({
    description: 'of these, and of the messages pinned by id that are not pruned yet',
    minimum: 0,
  }),
  maxBytes: count,
  missedMessages: Type.Integer({
    description: 'since the start: of a pinned index, and not kept for want of room',
    minimum: 0,
  }),
});

const listSchema = Type.Object({
  messages: Type.Array(
    Type.Object({
      messageId,
      sizeBytes: Type.Integer({ description: 'what it takes, kept or not', minimum: 0 }),
      state: Type.Enum(['stored', 'kept', 'missing'], {
        description: 'stored, and not pruned yet; kept, as it was pruned; missing, as it was lost',
      }),
    }),
  ),
  indexes: Type.Array(index),
  ...totalsSchema.properties,
});

const which = { messageId: Type.Optional(messageId), index: Type.Optional(index) };
const bodySchema = Type.Object(which, { additionalProperties: false });

export interface PinsDeps {
  readonly store: Pick<Store, 'pin' | 'unpin' | 'listPins' | 'pinTotals'>;
  readonly pruner: {
    readonly status: () => { readonly limits: { readonly maxPinnedBytes: number } };
  };
}

const url = '/api/midge/v1/pins';

export function pinsRoutes(app: ApiServer, deps: PinsDeps): void {
  const { store } = deps;

  app.route({
    method: 'GET',
    url,
    config: { scope: 'admin', limit: 'report' },
    schema: {
      summary: 'what is pinned, and how much of it pruning has passed',
      response: { 200: dataOf(listSchema), ...problems },
    },
    handler: async () => {
      const { messages, indexKeys } = await store.listPins();
      return {
        data: {
          messages: messages.map(({ id, ...rest }) => ({ messageId: messageIdHex(id), ...rest })),
          indexes: indexKeys.map(hexOf),
          ...totalsView(deps),
        },
      };
    },
  });

  app.route({
    method: 'POST',
    url,
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'pin a message, or all that have an index and will have it',
      body: bodySchema,
      response: { 200: dataOf(totalsSchema), ...problems },
    },
    handler: async ({ body }) => {
      await store.pin(targetOf(body), limitOf(deps));
      return { data: totalsView(deps) };
    },
  });

  app.route({
    method: 'DELETE',
    url,
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'pin a message or an index no longer; what was kept for it is gone',
      querystring: Type.Object(which),
      response: { 204: Type.Null(), ...problems },
    },
    handler: async ({ query }, reply) => {
      await store.unpin(targetOf(query));
      return reply.code(204).send(null);
    },
  });
}

function targetOf(given: { readonly messageId?: string; readonly index?: string }): PinTarget {
  const { messageId: id, index: key } = given;
  if (id !== undefined && key === undefined) return { id: parseMessageId(id, 'messageId') };
  if (key !== undefined && id === undefined) return { indexKey: indexKeyFrom(key) };
  throw new TangleError('REQUEST_INVALID', 'Name what is pinned by one of messageId and index.');
}

const limitOf = ({ pruner }: PinsDeps): number => pruner.status().limits.maxPinnedBytes;

function totalsView(deps: PinsDeps): Static<typeof totalsSchema> {
  const { keptCount, usedBytes, missedCount } = deps.store.pinTotals;
  const maxBytes = limitOf(deps);
  return { keptMessages: keptCount, usedBytes, maxBytes, missedMessages: missedCount };
}
