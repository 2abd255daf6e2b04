// Messages that are stored: one by its id, and its children.
import { Type } from 'typebox';
import { TangleError } from '../../errors.ts';
import { decodeMessage } from '../../protocol/codec.ts';
import { messageIdHex, parseMessageId } from '../../protocol/ids.ts';
import type { Store, StoredMessage } from '../../storage/store.ts';
import { binaryType } from '../body.ts';
import { messageSchema, metadataSchema } from '../message-schema.ts';
import { contentOf, dataOf, hex, maxResults, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { messageView, metadataView } from '../views.ts';

export interface MessagesDeps {
  readonly store: Pick<Store, 'get' | 'childrenOf'>;
}

const params = Type.Object({ messageId: hex('32 bytes') });

const childrenSchema = Type.Object({
  messageId: hex('32 bytes'),
  maxResults: Type.Integer(),
  count: Type.Integer(),
  childrenMessageIds: Type.Array(hex('32 bytes')),
});

const rawSchema = contentOf<Uint8Array>(binaryType);

export function messagesRoutes(app: ApiServer, { store }: MessagesDeps): void {
  const stored = (messageId: string): StoredMessage => {
    const found = store.get(parseMessageId(messageId, 'messageId'));
    if (found === undefined) {
      throw new TangleError('MESSAGE_NOT_FOUND', `No message ${messageId} is stored here.`);
    }
    return found;
  };

  app.route({
    method: 'GET',
    url: '/api/v1/messages/:messageId',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'a message as JSON',
      params,
      response: { 200: dataOf(messageSchema), ...problems },
    },
    handler: ({ params: { messageId } }) => ({
      data: messageView(decodeMessage(stored(messageId).bytes)),
    }),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/messages/:messageId/metadata',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'what is known of a message',
      params,
      response: { 200: dataOf(metadataSchema), ...problems },
    },
    handler: ({ params: { messageId } }) => {
      const { id, bytes } = stored(messageId);
      return { data: metadataView(id, decodeMessage(bytes)) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/messages/:messageId/raw',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'the bytes of a message',
      params,
      response: { 200: rawSchema, ...problems },
    },
    handler: ({ params: { messageId } }, reply) => {
      void reply.type(binaryType);
      return stored(messageId).bytes;
    },
  });

  childrenRoute(app, store);
}

function childrenRoute(app: ApiServer, store: MessagesDeps['store']): void {
  app.route({
    method: 'GET',
    url: '/api/v1/messages/:messageId/children',
    config: { scope: 'read', limit: 'list' },
    schema: {
      summary: 'the messages that name a message as parent',
      params,
      response: { 200: dataOf(childrenSchema), ...problems },
    },
    handler: async ({ params: { messageId } }) => {
      const id = parseMessageId(messageId, 'messageId');
      const childrenMessageIds = (await store.childrenOf(id, maxResults)).map(messageIdHex);
      const count = childrenMessageIds.length;
      return { data: { messageId: messageIdHex(id), maxResults, count, childrenMessageIds } };
    },
  });
}
