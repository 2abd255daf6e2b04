// Begins the attach that a request asks for, or finds the one that it began before.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import { hexOf } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Attach } from '../tangle/attach.ts';
import type { Outcome } from '../tangle/outcome.ts';
import { draftFrom, idempotencyHeader } from './attach-body.ts';
import type { AttachBody } from './attach-body.ts';
import { Attachment } from './attachment.ts';
import type { ClientOf } from './clients.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { demand } from './scopes.ts';
import type { Grant } from './scopes.ts';

export interface AttachmentsDeps {
  readonly attach: Attach;
  readonly clientOf: ClientOf;
  readonly clock: Clock;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
}

interface AttachRequest {
  readonly raw: Pick<IncomingMessage, 'socket' | 'headers'>;
  readonly body: AttachBody;
  readonly grant: Grant;
}

/** Returns an attachment that nobody wants yet. Throws what is wrong with the body or the key. */
export type StartAttach = (request: AttachRequest) => Attachment;

export function makeStartAttach(deps: AttachmentsDeps): StartAttach {
  const { attach, clientOf, clock, stopping } = deps;
  const keys = new IdempotencyKeys(clock);
  return ({ raw, body, grant }) => {
    const draft = draftFrom(body);
    if ((draft.nonce ?? 0n) === 0n) demand(grant, 'pow');
    const client = clientOf({ raw, grant });
    const start = (): Attachment =>
      new Attachment(async ({ signal, onProgress }) => {
        const either = AbortSignal.any([signal, stopping]);
        const outcome = await attach(draft, { client, signal: either, onProgress });
        return messageIdHex(idOf(outcome, stopping));
      });
    const key = raw.headers[idempotencyHeader];
    if (key === undefined) return start();
    return keys.attachmentOf({ client, key: String(key), digest: digestOf(body) }, start);
  };
}

function digestOf(body: AttachBody): string {
  return hexOf(blake2b256(body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body))));
}

function idOf(outcome: Outcome, stopping: AbortSignal): MessageId {
  if (outcome.kind === 'accepted' || outcome.kind === 'known') return outcome.id;
  assert(outcome.kind !== 'pending', 'attach refuses a message that would have to wait');
  throw stopping.aborted && outcome.kind === 'busy' ? new TangleError('STOPPING') : outcome.error;
}
