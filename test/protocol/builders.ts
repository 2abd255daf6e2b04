// Smallest valid values of each kind, to be broken in one place by a test.
import { TangleError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type {
  IndexationPayload,
  Message,
  MilestonePayload,
  ReceiptPayload,
  SignatureUnlockBlock,
  TransactionEssence,
  TransactionInput,
  TransactionOutput,
  TransactionPayload,
  UnlockBlock,
} from '../../src/protocol/message.ts';

/** Where things stand in a message with one parent. */
export const offsetOf = { parentsCount: 8, parents: 9, payloadLength: 41, payload: 45, body: 49 };

/** Bytes that begin with a number, big-endian: a larger number comes later in byte order. */
export function numbered(number: number, sizeBytes = 32): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

export function parents(count: number): MessageId[] {
  return times(count, (position) => asMessageId(numbered(position)));
}

export function times<T>(count: number, make: (position: number) => T): T[] {
  return Array.from({ length: count }, (_, position) => make(position));
}

export function aMessage(parts: Partial<Message> = {}): Message {
  return { networkId: 1n, parents: parents(1), payload: undefined, nonce: 2n, ...parts };
}

export function anIndexation(parts: Partial<IndexationPayload> = {}): IndexationPayload {
  return { type: 2, index: Uint8Array.of(1), data: new Uint8Array(), ...parts };
}

/** A message of exactly this size, with one parent and an index of one byte. */
export function aMessageOfSize(sizeBytes: number): Message {
  const fixedBytes = 53 + 4 + 2 + 1 + 4;
  return aMessage({ payload: anIndexation({ data: new Uint8Array(sizeBytes - fixedBytes) }) });
}

export function anInput(position: number): TransactionInput {
  return { transactionId: numbered(position), outputIndex: 0 };
}

export function anOutput(
  position: number,
  parts: Partial<TransactionOutput> = {},
): TransactionOutput {
  return { type: 0, address: numbered(position), amount: 1n, ...parts };
}

export function aSignature(position: number): SignatureUnlockBlock {
  return { type: 0, publicKey: numbered(position), signature: numbered(position, 64) };
}

export function aTransaction(
  parts: Partial<TransactionEssence> & { readonly unlockBlocks?: readonly UnlockBlock[] } = {},
): TransactionPayload {
  const { unlockBlocks, ...essenceParts } = parts;
  const essence = {
    inputs: [anInput(0)],
    outputs: [anOutput(0)],
    payload: undefined,
    ...essenceParts,
  };
  return {
    type: 0,
    essence,
    unlockBlocks: unlockBlocks ?? times(essence.inputs.length, aSignature),
  };
}

export function aMilestone(parts: Partial<MilestonePayload> = {}): MilestonePayload {
  return {
    type: 1,
    index: 10,
    timestamp: 1_600_000_000n,
    parents: parents(1),
    inclusionMerkleProof: numbered(7),
    nextPowScore: 0,
    nextPowScoreMilestoneIndex: 0,
    publicKeys: [numbered(0)],
    receipt: undefined,
    signatures: times(parts.publicKeys?.length ?? 1, (position) => numbered(position, 64)),
    ...parts,
  };
}

export function aReceipt(parts: Partial<ReceiptPayload> = {}): ReceiptPayload {
  return {
    type: 3,
    migratedAt: 5,
    final: true,
    funds: [someFunds(0)],
    transaction: { type: 4, input: { milestoneId: numbered(3) }, output: { amount: 9n } },
    ...parts,
  };
}

export function someFunds(position: number): ReceiptPayload['funds'][number] {
  return {
    tailTransactionHash: numbered(position, 49),
    address: numbered(position),
    deposit: 1_000_000n,
  };
}

/** A copy with other bytes from `offset` on. */
export function patched(bytes: Uint8Array, offset: number, values: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, offset);
  return copy;
}

/** The code that `run` throws; undefined when it does not, and a foreign error goes on. */
export function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof TangleError) return error.code;
    throw error;
  }
}
