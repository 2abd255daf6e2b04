// The answers to "here is a message". A bad message is not an exception; it is Tuesday.
import { TangleError, errorTable } from '../errors.ts';
import type { ErrorCode, ErrorDetails } from '../errors.ts';
import { messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';

export type Outcome =
  /** Solid, and stored as durably as the settings promise. */
  | { readonly kind: 'accepted'; readonly id: MessageId }
  /** Was held solid and durable before. */
  | { readonly kind: 'known'; readonly id: MessageId }
  /** Kept until its parents arrive; `missing` are those that nobody has sent yet. */
  | { readonly kind: 'pending'; readonly id: MessageId; readonly missing: readonly MessageId[] }
  | { readonly kind: 'rejected'; readonly error: TangleError }
  /** Not judged: there was no room, or the store cannot write. The same bytes may be sent again. */
  | { readonly kind: 'busy'; readonly error: TangleError };

export function rejected(code: ErrorCode, message?: string, details?: ErrorDetails): Outcome {
  return {
    kind: 'rejected',
    error: new TangleError(code, message, details === undefined ? {} : { details }),
  };
}

export function busy(code: ErrorCode): Outcome {
  return { kind: 'busy', error: new TangleError(code) };
}

/** The Outcome of a coded error: `busy` when the same call can succeed later, else `rejected`. */
export function refused(error: TangleError): Outcome {
  return { kind: errorTable[error.code].retry ? 'busy' : 'rejected', error };
}

/** A client's message names parents that this node cannot vouch for. */
export function parentsRefused(
  missing: readonly MessageId[],
  notSolid: readonly MessageId[],
): Outcome {
  const ids = (missing.length > 0 ? missing : notSolid).map(messageIdHex);
  return missing.length > 0
    ? rejected('PARENT_UNKNOWN', `This node does not know the parents ${ids.join(', ')}.`, { ids })
    : rejected(
        'PARENT_NOT_SOLID',
        `The past of the parents ${ids.join(', ')} is not complete here.`,
        {
          ids,
        },
      );
}
