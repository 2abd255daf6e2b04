// New messages, for clients that wait until they are stored.
import { Type } from 'typebox';
import { attachSchema } from '../attach-body.ts';
import type { AttachBody } from '../attach-body.ts';
import type { StartAttach } from '../attachments.ts';
import { takeBytes } from '../body.ts';
import { closeOf } from '../close.ts';
import { dataOf, hex, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { makeTellSpare } from '../spare.ts';
import type { SpareDeps } from '../spare.ts';

export interface AttachDeps extends SpareDeps {
  readonly startAttach: StartAttach;
}

export function attachRoutes(app: ApiServer, { startAttach, spare }: AttachDeps): void {
  app.route<{ Body: AttachBody }>({
    method: 'POST',
    url: '/api/v1/messages',
    config: { scope: 'attach', limit: 'queue' },
    schema: {
      summary: 'attach a message and wait until it is stored',
      ...attachSchema,
      response: { 201: dataOf(Type.Object({ messageId: hex('32 bytes') })), ...problems },
    },
    onRequest: takeBytes,
    onSend: makeTellSpare({ spare }),
    handler: async (request, reply) => {
      // Mining is silent for as long as it takes; a client that is gone is noticed by its connection.
      reply.raw.setTimeout(0);
      const messageId = await startAttach(request).messageId(closeOf(reply));
      return reply.code(201).header('location', messageId).send({ data: { messageId } });
    },
  });
}
