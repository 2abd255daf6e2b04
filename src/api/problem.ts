// From a coded error to an answer. The only place that knows HTTP statuses.
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** Total: a new code does not compile before it has a status. */
export const statusOf: Readonly<Record<ErrorCode, number>> = {
  // The client sent bytes or JSON that no node would take.
  MESSAGE_TOO_SHORT: 400,
  MESSAGE_TOO_LARGE: 413,
  MESSAGE_TRUNCATED: 400,
  TRAILING_BYTES: 400,
  PARENTS_COUNT_INVALID: 400,
  PARENTS_NOT_SORTED: 400,
  PARENTS_NOT_UNIQUE: 400,
  PAYLOAD_LENGTH_MISMATCH: 400,
  PAYLOAD_TYPE_UNKNOWN: 400,
  PAYLOAD_TYPE_NOT_ALLOWED: 400,
  INDEX_LENGTH_INVALID: 400,
  ESSENCE_TYPE_UNKNOWN: 400,
  INPUTS_COUNT_INVALID: 400,
  INPUT_TYPE_UNKNOWN: 400,
  INPUT_OUTPUT_INDEX_INVALID: 400,
  INPUTS_NOT_SORTED: 400,
  INPUTS_NOT_UNIQUE: 400,
  OUTPUTS_COUNT_INVALID: 400,
  OUTPUT_TYPE_UNKNOWN: 400,
  ADDRESS_TYPE_UNKNOWN: 400,
  OUTPUT_AMOUNT_INVALID: 400,
  OUTPUTS_SUM_INVALID: 400,
  OUTPUTS_NOT_SORTED: 400,
  OUTPUT_ADDRESS_NOT_UNIQUE: 400,
  UNLOCK_BLOCKS_COUNT_INVALID: 400,
  UNLOCK_BLOCK_TYPE_UNKNOWN: 400,
  UNLOCK_BLOCK_NOT_UNIQUE: 400,
  SIGNATURE_TYPE_UNKNOWN: 400,
  REFERENCE_INVALID: 400,
  MILESTONE_PARENTS_MISMATCH: 400,
  MILESTONE_POW_INVALID: 400,
  MILESTONE_KEYS_INVALID: 400,
  MILESTONE_SIGNATURES_INVALID: 400,
  RECEIPT_INVALID: 400,
  TREASURY_TRANSACTION_INVALID: 400,
  ADDRESS_INVALID: 400,
  HEX_INVALID: 400,
  FIELD_OUT_OF_RANGE: 400,
  FRAME_INVALID: 400,
  NEIGHBOUR_INVALID: 400,

  // The message is well formed, but not for this node.
  NETWORK_ID_MISMATCH: 400,
  NETWORK_ID_MISSING: 400,
  PARENTS_MISSING: 400,
  POW_INSUFFICIENT: 400,
  PARENT_UNKNOWN: 400,
  PARENT_NOT_SOLID: 400,
  POW_DISABLED: 400,
  POW_TOO_HARD: 400,

  // The client may not now.
  POW_QUOTA: 429,
  RATE_LIMITED: 429,
  LISTENER_QUOTA: 429,
  ROUTE_QUOTA: 429,

  // The node cannot now.
  ROUTE_BUSY: 503,
  OVERLOADED: 503,
  INTAKE_BUSY: 503,
  CATCHING_UP: 503,
  STOPPING: 503,
  STARTING: 503,
  BACKUP_BUSY: 503,
  POW_BUSY: 503,
  POW_DEADLINE: 503,
  POW_ABORTED: 503,
  POW_FAILED: 503,
  STORE_UNAVAILABLE: 503,
  DISK_FULL: 503,
  PRUNING_BUSY: 503,
  TOKEN_FILE_INVALID: 503,

  // Requests.
  REQUEST_INVALID: 400,
  REQUEST_TOO_LARGE: 413,
  REQUEST_TIMEOUT: 408,
  HEADERS_TOO_LARGE: 431,
  ROUTE_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  UPGRADE_REQUIRED: 426,
  MESSAGE_NOT_FOUND: 404,
  MILESTONE_NOT_FOUND: 404,
  MESSAGE_PRUNED: 410,
  JOB_NOT_FOUND: 404,
  TOO_MANY_LISTENERS: 503,
  IDEMPOTENCY_KEY_REUSED: 400,
  NO_LEDGER: 501,
  NEIGHBOUR_UNKNOWN: 404,
  TOKEN_UNKNOWN: 404,
  TOO_MANY_TOKENS: 400,
  PIN_UNKNOWN: 404,
  TOO_MANY_PINS: 400,
  PINS_FULL: 400,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  SCOPE_MISSING: 403,
  FORBIDDEN_HOST: 403,
  TLS_REQUIRED: 400,

  // No client causes these: they end a start or a command, or are faults of the node.
  INTERNAL: 500,
  STORE_RECORD_DAMAGED: 500,
  STORE_LOCKED: 500,
  IDENTITY_INVALID: 500,
  STORE_LAYOUT_NEWER: 500,
  STORE_NETWORK_MISMATCH: 500,
  STORE_OPEN_FAILED: 500,
  STORE_DAMAGED: 500,
  BACKUP_INVALID: 500,
  BACKUP_FAILED: 500,
  ARCHIVE_FAILED: 500,
  CONFIG_INVALID: 500,
  ADDRESS_IN_USE: 500,
  USAGE_INVALID: 500,
  TLS_INVALID: 500,
  NODE_UNREACHABLE: 500,
  NODE_REFUSED: 500,
};

/** What `Retry-After` says when the error does not know better by `details.retryAfterSeconds`. */
const defaultRetryAfterSeconds = 5;

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: ProblemBody };
}

interface ProblemBody {
  /** The status again, as text: the field's clients read it there. */
  readonly code: string;
  readonly message: string;
  readonly reason: string;
  readonly requestId: string;
}

/** Of a fault of the node itself the client learns nothing but the request id to ask about. */
export function problemOf(error: TangleError, requestId: string): Problem {
  const status = statusOf[error.code];
  const shown = status === 500 ? new TangleError('INTERNAL') : error;
  return {
    status,
    headers: {
      ...retryAfter(status, error),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...allow(error),
      ...close(error),
    },
    body: {
      error: {
        code: String(status),
        message: shown.message,
        reason: shown.code.toLowerCase(),
        requestId,
      },
    },
  };
}

function retryAfter(status: number, { details }: TangleError): Record<string, string> {
  if (status !== 503 && status !== 429) return {};
  return { 'retry-after': String(details['retryAfterSeconds'] ?? defaultRetryAfterSeconds) };
}

/** A 405 names the methods the route has, in `details.allow`. */
function allow({ details }: TangleError): Record<string, string> {
  return 'allow' in details ? { allow: String(details['allow']) } : {};
}

/** The server waits for connections that are open when it stops. */
function close({ code }: TangleError): Record<string, string> {
  return code === 'STOPPING' ? { connection: 'close' } : {};
}
