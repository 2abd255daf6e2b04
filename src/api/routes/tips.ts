// Parents for a message that a client completes by itself.
import { Type } from 'typebox';
import { messageIdHex } from '../../protocol/ids.ts';
import type { MessageId } from '../../protocol/ids.ts';
import { dataOf, hex, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface TipsDeps {
  /** 1 to 8, in the order in which a message names them. */
  readonly selectTips: () => readonly MessageId[];
}

export function tipsRoutes(app: ApiServer, { selectTips }: TipsDeps): void {
  app.route({
    method: 'GET',
    url: '/api/v1/tips',
    config: { scope: 'read', limit: 'lookup' },
    schema: {
      summary: 'parents for a new message',
      response: {
        200: dataOf(Type.Object({ tipMessageIds: Type.Array(hex('32 bytes')) })),
        ...problems,
      },
    },
    handler: () => ({ data: { tipMessageIds: selectTips().map(messageIdHex) } }),
  });
}
