// What the two routes that attach take: a message as JSON or as bytes, complete or for the node to complete.
import { Type } from 'typebox';
import { TangleError } from '../errors.ts';
import { decodeDraft } from '../protocol/codec.ts';
import { maxParents } from '../protocol/message.ts';
import type { Draft } from '../tangle/attach.ts';
import { binaryType } from './body.ts';
import { draftOf } from './drafts.ts';
import { draftSchema } from './message-schema.ts';
import type { DraftJson } from './message-schema.ts';

export type AttachBody = DraftJson | Uint8Array;

export const idempotencyHeader = 'idempotency-key';

/** For a route whose `onRequest` is `takeBytes`. */
export const attachSchema = {
  headers: Type.Object({
    [idempotencyHeader]: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,128}$',
        description: '1 to 128 visible ASCII characters without spaces',
      }),
    ),
  }),
  body: {
    content: {
      'application/json': { schema: draftSchema },
      [binaryType]: { schema: {} },
    },
  },
};

/** Throws the codes of the codec, HEX_INVALID and FIELD_OUT_OF_RANGE. */
export function draftFrom(body: AttachBody): Draft {
  return body instanceof Uint8Array ? binaryDraft(body) : draftOf(body);
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
