// Why a message is not solid here: what is missing, who was asked, when.
import { Type } from 'typebox';
import { TangleError } from '../../errors.ts';
import { messageIdHex, parseMessageId } from '../../protocol/ids.ts';
import type { MessageId } from '../../protocol/ids.ts';
import type { MissingMessage, WhyReport } from '../../tangle/why.ts';
import { dataOf, hex, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface WhyRouteDeps {
  readonly why: (id: MessageId) => Promise<WhyReport>;
}

const missingSchema = Type.Object({
  messageId: hex('32 bytes'),
  state: Type.String({ description: 'asking, not_found, below_horizon, not_asked or pruned' }),
  asked: Type.Array(Type.Object({ peerId: Type.String(), atMs: Type.Integer() })),
  againMs: Type.Optional(Type.Integer({ description: 'when it is asked for again' })),
});

const whySchema = Type.Object({
  messageId: hex('32 bytes'),
  state: Type.String({ description: 'solid, pending or unknown' }),
  missing: Type.Array(missingSchema),
  isCut: Type.Boolean({ description: 'whether more is missing than is told' }),
});

export function whyRoutes(app: ApiServer, { why }: WhyRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/api/midge/v1/why/:messageId',
    config: { scope: 'read', limit: 'report' },
    schema: {
      summary: 'why a message is not solid here',
      params: Type.Object({ messageId: hex('32 bytes') }),
      response: { 200: dataOf(whySchema), ...problems },
    },
    handler: async ({ params }) => {
      const id = parseMessageId(params.messageId, 'messageId');
      const { state, missing, isCut } = await why(id);
      if (state === 'unknown' && missing.length === 0) {
        throw new TangleError(
          'MESSAGE_NOT_FOUND',
          `Nobody has sent or named a message ${params.messageId} to this node of late.`,
        );
      }
      return {
        data: { messageId: messageIdHex(id), state, missing: missing.map(missingView), isCut },
      };
    },
  });
}

function missingView({ id, state, asked, againMs }: MissingMessage) {
  return {
    messageId: messageIdHex(id),
    state,
    asked: [...asked],
    ...(againMs === undefined ? {} : { againMs }),
  };
}
