// What a message is once its bytes were accepted, and the numbers of its format (TIP-6, 7, 8 and 17).
import type { ErrorCode } from '../errors.ts';
import type { MessageId } from './ids.ts';

export const minMessageBytes = 53;
/** A message without a parent, which only a client's draft may be. */
export const minDraftBytes = 21;
export const maxMessageBytes = 32_768;
export const maxParents = 8;
export const maxIndexBytes = 64;
export const maxInputs = 127;
export const maxOutputs = 127;

/** All tokens there are. No amount and no sum of outputs is larger. */
export const tokenSupply = 2_779_530_283_277_761n;

/** The least a dust allowance output holds. */
export const minDustAllowance = 1_000_000n;

/** Receipt and treasury stand only inside a milestone, never in a message itself. */
export const payloadTypes = {
  transaction: 0,
  milestone: 1,
  indexation: 2,
  receipt: 3,
  treasury: 4,
} as const;

/** Why a payload of this type cannot stand in a place that takes others. */
export function wrongPayloadCode(type: number): ErrorCode {
  const isKnown = Object.values<number>(payloadTypes).includes(type);
  return isKnown ? 'PAYLOAD_TYPE_NOT_ALLOWED' : 'PAYLOAD_TYPE_UNKNOWN';
}

/** `singleAddress` is SigLockedSingle, `dustAllowance` is SigLockedDustAllowance. */
export const outputTypes = { singleAddress: 0, dustAllowance: 1 } as const;

export const unlockTypes = { signature: 0, reference: 1 } as const;

/** Byte fields of a decoded message are views into its bytes: copy them to keep them longer than the message. */
export interface Message {
  readonly networkId: bigint;
  /** 1 to 8, in ascending byte order; none only in a draft. */
  readonly parents: readonly MessageId[];
  readonly payload: Payload | undefined;
  readonly nonce: bigint;
}

export type Payload = IndexationPayload | TransactionPayload | MilestonePayload;

export interface IndexationPayload {
  readonly type: typeof payloadTypes.indexation;
  /** 1 to 64 bytes. */
  readonly index: Uint8Array;
  readonly data: Uint8Array;
}

export interface TransactionPayload {
  readonly type: typeof payloadTypes.transaction;
  readonly essence: TransactionEssence;
  /** As many as inputs, in their order. */
  readonly unlockBlocks: readonly UnlockBlock[];
}

/** The part of a transaction that its signatures cover. */
export interface TransactionEssence {
  /** 1 to 127, in ascending order of their bytes. */
  readonly inputs: readonly TransactionInput[];
  /** 1 to 127, in ascending order of their bytes; an address at most once per type. */
  readonly outputs: readonly TransactionOutput[];
  readonly payload: IndexationPayload | undefined;
}

export interface TransactionInput {
  /** 32 bytes. */
  readonly transactionId: Uint8Array;
  /** 0 to 126. */
  readonly outputIndex: number;
}

export interface TransactionOutput {
  readonly type: OutputType;
  /** Ed25519 address, 32 bytes. */
  readonly address: Uint8Array;
  /** Tokens: 1 to the supply, at least 1 000 000 in a dust allowance. */
  readonly amount: bigint;
}

export type OutputType = (typeof outputTypes)[keyof typeof outputTypes];

export type UnlockBlock = SignatureUnlockBlock | ReferenceUnlockBlock;

export interface SignatureUnlockBlock {
  readonly type: typeof unlockTypes.signature;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. Not checked here: that is the ledger's work. */
  readonly signature: Uint8Array;
}

export interface ReferenceUnlockBlock {
  readonly type: typeof unlockTypes.reference;
  /** Position of an earlier signature unlock block. */
  readonly reference: number;
}

export interface MilestonePayload {
  readonly type: typeof payloadTypes.milestone;
  readonly index: number;
  /** Unix seconds. */
  readonly timestamp: bigint;
  /** Equal to those of the message. */
  readonly parents: readonly MessageId[];
  /** 32 bytes. */
  readonly inclusionMerkleProof: Uint8Array;
  readonly nextPowScore: number;
  readonly nextPowScoreMilestoneIndex: number;
  /** 1 to 255 of 32 bytes, in ascending order. */
  readonly publicKeys: readonly Uint8Array[];
  readonly receipt: ReceiptPayload | undefined;
  /** 64 bytes each, one for each public key and in their order. Not checked here. */
  readonly signatures: readonly Uint8Array[];
}

/** Funds that came over from the network before Chrysalis. */
export interface ReceiptPayload {
  readonly type: typeof payloadTypes.receipt;
  /** Milestone index in the old network. */
  readonly migratedAt: number;
  /** No other receipt follows for this `migratedAt`. */
  readonly final: boolean;
  /** 1 to 127, in ascending order of their bytes. */
  readonly funds: readonly MigratedFunds[];
  readonly transaction: TreasuryTransaction;
}

export interface MigratedFunds {
  /** 49 bytes. */
  readonly tailTransactionHash: Uint8Array;
  /** Ed25519 address, 32 bytes. */
  readonly address: Uint8Array;
  readonly deposit: bigint;
}

export interface TreasuryTransaction {
  readonly type: typeof payloadTypes.treasury;
  /** 32 bytes: the milestone that made the treasury output which is spent. */
  readonly input: { readonly milestoneId: Uint8Array };
  readonly output: { readonly amount: bigint };
}

/** The key that a message is found by: of its own indexation, or of the one inside its transaction (TIP-7). */
export function indexKeyOf(message: Message): Uint8Array | undefined {
  const { payload } = message;
  if (payload?.type === payloadTypes.indexation) return payload.index;
  if (payload?.type === payloadTypes.transaction) return payload.essence.payload?.index;
  return undefined;
}
