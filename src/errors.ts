// The table of everything that can go wrong and has a name. Types, docs/errors.md and the HTTP map derive from it.

/**
 * `sender`: any honest node would refuse the message, so whoever sent it is at fault.
 * `local`: only this node refuses, now or by its settings; never held against a neighbour.
 */
export type Blame = 'sender' | 'local';

interface ErrorRow {
  /** One sentence for a person. */
  readonly meaning: string;
  readonly blame: Blame;
  /** Whether the same call can succeed later without any change by the caller. */
  readonly retry: boolean;
}

const sender = (meaning: string): ErrorRow => ({ meaning, blame: 'sender', retry: false });
const local = (meaning: string): ErrorRow => ({ meaning, blame: 'local', retry: false });
const later = (meaning: string): ErrorRow => ({ meaning, blame: 'local', retry: true });

export const errorTable = {
  // Bytes of a message (src/protocol/).
  MESSAGE_TOO_SHORT: sender('A message has at least 53 bytes.'),
  MESSAGE_TOO_LARGE: sender('A message has at most 32768 bytes.'),
  MESSAGE_TRUNCATED: sender('A field reaches beyond the end of the bytes.'),
  TRAILING_BYTES: sender('Bytes follow the end of the message.'),
  PARENTS_COUNT_INVALID: sender('A message names 1 to 8 parents.'),
  PARENTS_NOT_SORTED: sender('Parents stand in ascending byte order.'),
  PARENTS_NOT_UNIQUE: sender('A parent is named once.'),
  PAYLOAD_LENGTH_MISMATCH: sender('The payload does not fill exactly the length that is declared.'),
  PAYLOAD_TYPE_UNKNOWN: sender(
    'The payload type is not one of transaction, milestone, indexation.',
  ),
  PAYLOAD_TYPE_NOT_ALLOWED: sender('A payload of this type is not allowed in this place.'),
  INDEX_LENGTH_INVALID: sender('An indexation key has 1 to 64 bytes.'),
  ESSENCE_TYPE_UNKNOWN: sender('The transaction essence type is not 0.'),
  INPUTS_COUNT_INVALID: sender('A transaction has 1 to 127 inputs.'),
  INPUT_TYPE_UNKNOWN: sender('An input type is not 0 (UTXO).'),
  INPUT_OUTPUT_INDEX_INVALID: sender('An input refers to output index 0 to 126.'),
  INPUTS_NOT_SORTED: sender('Inputs stand in ascending byte order.'),
  INPUTS_NOT_UNIQUE: sender('An input is spent once.'),
  OUTPUTS_COUNT_INVALID: sender('A transaction has 1 to 127 outputs.'),
  OUTPUT_TYPE_UNKNOWN: sender('An output type is not 0 or 1.'),
  ADDRESS_TYPE_UNKNOWN: sender('An address type is not 0 (Ed25519).'),
  OUTPUT_AMOUNT_INVALID: sender('An output amount is outside its bounds.'),
  OUTPUTS_SUM_INVALID: sender('The sum of the outputs exceeds the supply.'),
  OUTPUTS_NOT_SORTED: sender('Outputs stand in ascending byte order.'),
  OUTPUT_ADDRESS_NOT_UNIQUE: sender('An address stands at most once per output type.'),
  UNLOCK_BLOCKS_COUNT_INVALID: sender('There are as many unlock blocks as inputs.'),
  UNLOCK_BLOCK_TYPE_UNKNOWN: sender('An unlock block type is not 0 or 1.'),
  UNLOCK_BLOCK_NOT_UNIQUE: sender('A signature unlock block stands once.'),
  SIGNATURE_TYPE_UNKNOWN: sender('A signature type is not 0 (Ed25519).'),
  REFERENCE_INVALID: sender('A reference unlock block names an earlier signature unlock block.'),
  MILESTONE_PARENTS_MISMATCH: sender('A milestone repeats exactly the parents of its message.'),
  MILESTONE_POW_INVALID: sender('Next score and its milestone index are both zero or ahead.'),
  MILESTONE_KEYS_INVALID: sender('Milestone public keys are sorted and unique.'),
  MILESTONE_SIGNATURES_INVALID: sender('There is one milestone signature for each public key.'),
  RECEIPT_INVALID: sender('The receipt inside the milestone breaks a rule of its layout.'),
  TREASURY_TRANSACTION_INVALID: sender('The treasury transaction breaks a rule of its layout.'),
  ADDRESS_INVALID: local('The bech32 address cannot be decoded.'),
  HEX_INVALID: local('The text is not hex of the expected length.'),
  FIELD_OUT_OF_RANGE: local('A number or a byte string does not fit the field it stands for.'),

  // The Tangle (src/tangle/).
  NETWORK_ID_MISMATCH: sender('The message belongs to another network.'),
  NETWORK_ID_MISSING: local('The proof of work covers the network id, so it must be given too.'),
  PARENTS_MISSING: local('The proof of work covers the parents, so they must be given too.'),
  POW_INSUFFICIENT: sender('The proof of work is below the minimum score of the network.'),
  PARENT_UNKNOWN: local('A parent is not known to this node.'),
  PARENT_NOT_SOLID: local('A parent is known but its past is not complete here yet.'),
  INTAKE_BUSY: later('More messages wait for admission than this node takes at once.'),
  CATCHING_UP: later('The node is still fetching the messages it missed.'),
  STOPPING: later('The node is shutting down.'),
  STARTING: later('The node is still opening its store.'),

  // Proof of work (src/pow/).
  POW_DISABLED: local('Proof of work for clients is switched off on this node.'),
  POW_BUSY: later('The queue for proof of work is full.'),
  POW_TOO_HARD: local('The message needs more work than this node does for clients.'),
  POW_QUOTA: later('The client has asked for as much proof of work as it may for now.'),
  POW_DEADLINE: later('The work cannot be, or was not, done in the time a job may take.'),
  POW_ABORTED: later('Mining was cancelled before a nonce was found.'),
  POW_FAILED: later('The proof of work miner failed; the node logs why.'),

  // The store (src/storage/).
  STORE_LOCKED: local('Another process has the data folder open.'),
  STORE_LAYOUT_NEWER: local('The data folder was written by a newer version.'),
  STORE_NETWORK_MISMATCH: local('The data folder belongs to another network.'),
  STORE_OPEN_FAILED: local('The data folder cannot be opened.'),
  STORE_DAMAGED: local('Files of the data folder are damaged; midge db repair saves what can be.'),
  STORE_UNAVAILABLE: later('The store cannot write at the moment.'),
  DISK_FULL: later('The disk has no room left.'),
  STORE_RECORD_DAMAGED: local('A stored record does not match its own checksum.'),
  MESSAGE_PRUNED: local('The message was pruned here; nothing but its id is left.'),
  TOO_MANY_PINS: local('There are as many pins as may be; remove one.'),
  PINS_FULL: local('Pinned messages take as many bytes as they may.'),
  PIN_UNKNOWN: local('There is no such pin.'),

  // Backups and archives (src/backup/).
  BACKUP_INVALID: local('The file is not a whole backup or archive of Midge.'),
  BACKUP_FAILED: local('The backup could not be finished.'),
  ARCHIVE_FAILED: later('The archive of pruned messages cannot be written or read.'),
  BACKUP_BUSY: later('Another backup of this node is being made.'),

  // Neighbours (src/gossip/).
  FRAME_INVALID: sender('The bytes are not a frame of the gossip protocol.'),
  IDENTITY_INVALID: local('The file with the key of this node cannot be used.'),
  NEIGHBOUR_INVALID: local('The address does not name a neighbour.'),
  NEIGHBOUR_UNKNOWN: local('There is no such neighbour.'),

  // Settings and the command line.
  PRUNING_BUSY: later('The node prunes already, as it was asked to.'),
  CONFIG_INVALID: local('One or more settings are wrong.'),
  ADDRESS_IN_USE: local('The address to listen on is taken.'),
  USAGE_INVALID: local('The command line is not what the command takes.'),
  NODE_UNREACHABLE: later('No node answers at the address that a command was given.'),
  NODE_REFUSED: local('The node that a command asked answered with an error.'),

  // Requests (src/api/).
  REQUEST_INVALID: local('The request is not what the route takes.'),
  REQUEST_TOO_LARGE: local('The body is larger than any message needs.'),
  REQUEST_TIMEOUT: local('The request did not arrive in time.'),
  HEADERS_TOO_LARGE: local('The headers are larger than any request needs.'),
  RATE_LIMITED: later('The client sends more requests than it may.'),
  ROUTE_BUSY: later('As many requests of this kind as may wait for an answer already.'),
  ROUTE_QUOTA: later('The client waits for as many answers of this kind as it may.'),
  OVERLOADED: later('The node is too late with what it does to begin more.'),
  ROUTE_UNKNOWN: local('There is no such route.'),
  METHOD_NOT_ALLOWED: local('The route is not for this method.'),
  UPGRADE_REQUIRED: local('The route is for WebSockets that speak MQTT.'),
  MESSAGE_NOT_FOUND: local('No such message is stored here.'),
  MILESTONE_NOT_FOUND: local('No such milestone is stored here.'),
  JOB_NOT_FOUND: local('No such job is kept here.'),
  TOO_MANY_LISTENERS: later('As many clients listen as may; a job can be asked after, too.'),
  LISTENER_QUOTA: later('The client listens as often at a time as it may; one has to end first.'),
  IDEMPOTENCY_KEY_REUSED: local('The Idempotency-Key was sent with another body before.'),
  NO_LEDGER: local('This node keeps no ledger.'),
  TOKEN_MISSING: local('The route needs a token.'),
  TOKEN_INVALID: local('The token is not one of this node, has expired, or was revoked.'),
  SCOPE_MISSING: local('The token does not allow this.'),
  TOKEN_UNKNOWN: local('There is no token with that id.'),
  TOO_MANY_TOKENS: local('There are as many tokens as may be; revoke one.'),
  TLS_INVALID: local('The certificate of the API or its key cannot be used.'),
  TLS_REQUIRED: local('This node speaks HTTPS only; begin the URL with https.'),
  TOKEN_FILE_INVALID: later('A file with tokens of this node cannot be used.'),
  FORBIDDEN_HOST: local('The Host header names a machine this node does not answer for.'),
  INTERNAL: later('An unexpected fault of this node; it is logged.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** Plain values that help a person or a program: ids as hex, sizes with units in the name. */
export type ErrorDetails = Readonly<Record<string, string | number | readonly string[]>>;

interface TangleErrorOptions {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** An operation could not be done. The message is one sentence that says what to change. */
export class TangleError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message?: string, options: TangleErrorOptions = {}) {
    super(
      message ?? errorTable[code].meaning,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'TangleError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isCoded(error: unknown, code: ErrorCode): error is TangleError {
  return error instanceof TangleError && error.code === code;
}
