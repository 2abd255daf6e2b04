// New messages: as JSON or as bytes, complete or for the node to complete.
import assert from 'node:assert/strict';
import { Type } from 'typebox';
import { TangleError } from '../../errors.ts';
import { decodeDraft } from '../../protocol/codec.ts';
import { messageIdHex } from '../../protocol/ids.ts';
import type { MessageId } from '../../protocol/ids.ts';
import { maxParents } from '../../protocol/message.ts';
import type { Attach, Draft } from '../../tangle/attach.ts';
import type { Outcome } from '../../tangle/outcome.ts';
import { binaryType, takeBytes } from '../body.ts';
import { draftOf } from '../drafts.ts';
import { interruptOf } from '../interrupt.ts';
import { draftSchema } from '../message-schema.ts';
import type { DraftJson } from '../message-schema.ts';
import { dataOf, hex, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface AttachDeps {
  readonly attach: Attach;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
}

export function attachRoutes(app: ApiServer, { attach, stopping }: AttachDeps): void {
  app.route<{ Body: DraftJson | Uint8Array }>({
    method: 'POST',
    url: '/api/v1/messages',
    schema: {
      body: {
        content: {
          'application/json': { schema: draftSchema },
          [binaryType]: { schema: {} },
        },
      },
      response: { 201: dataOf(Type.Object({ messageId: hex('32 bytes') })), ...problems },
    },
    onRequest: takeBytes,
    handler: async ({ body, ip }, reply) => {
      const draft = body instanceof Uint8Array ? binaryDraft(body) : draftOf(body);
      // Mining is silent for as long as it takes; a client that is gone is noticed by its connection.
      reply.raw.setTimeout(0);
      const outcome = await attach(draft, { client: ip, signal: interruptOf(reply, stopping) });
      const messageId = messageIdHex(idOf(outcome, stopping));
      return reply.code(201).header('location', messageId).send({ data: { messageId } });
    },
  });
}

function binaryDraft(bytes: Uint8Array): Draft {
  if (isJsonText(bytes)) {
    throw new TangleError(
      'REQUEST_INVALID',
      'The body looks like JSON; send it with Content-Type application/json.',
    );
  }
  return decodeDraft(bytes);
}

/** Some network's messages begin with the byte of `{`; but where bytes count parents, JSON has a character. */
function isJsonText(bytes: Uint8Array): boolean {
  const [first, , , , , , , , parentsCount = maxParents + 1] = bytes;
  return first === 0x7b && parentsCount > maxParents;
}

function idOf(outcome: Outcome, stopping: AbortSignal): MessageId {
  if (outcome.kind === 'accepted' || outcome.kind === 'known') return outcome.id;
  assert(outcome.kind !== 'pending', 'attach refuses a message that would have to wait');
  throw stopping.aborted && outcome.kind === 'busy' ? new TangleError('STOPPING') : outcome.error;
}
