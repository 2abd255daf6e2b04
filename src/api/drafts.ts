// From the JSON a client posts to a draft. The schema vouches for the shape; hex and 64-bit numbers are
// checked here, under the name of their field. Rules of the format (counts, order) stay with the codec.
import { TangleError } from '../errors.ts';
import { bytesFromHex } from '../protocol/bytes.ts';
import { parseMessageId } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { payloadTypes, unlockTypes } from '../protocol/message.ts';
import type {
  IndexationPayload,
  MilestonePayload,
  Payload,
  ReceiptPayload,
  TransactionPayload,
  UnlockBlock,
} from '../protocol/message.ts';
import type { Draft } from '../tangle/attach.ts';
import type {
  AddressJson,
  DraftJson,
  IndexationJson,
  MilestoneJson,
  PayloadJson,
  ReceiptJson,
  TransactionJson,
  UnlockBlockJson,
} from './message-schema.ts';

/** Throws HEX_INVALID and FIELD_OUT_OF_RANGE, naming the field. */
export function draftOf(json: DraftJson): Draft {
  return {
    networkId: u64Of(json.networkId, 'networkId'),
    parents: idsOf(json.parentMessageIds ?? [], 'parentMessageIds'),
    payload: json.payload ? payloadOf(json.payload) : undefined,
    nonce: u64Of(json.nonce, 'nonce'),
  };
}

/** Absent and empty mean 0, which means: fill it in. */
function u64Of(text: string | undefined, field: string): bigint {
  const value = BigInt(text ?? '');
  if (value === BigInt.asUintN(64, value)) return value;
  throw new TangleError('FIELD_OUT_OF_RANGE', `${field} must be below 2^64.`);
}

/** JSON numbers are exact up to 2^53, which is more than there are tokens. */
function wideOf(value: number, field: string): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw new TangleError('FIELD_OUT_OF_RANGE', `${field} must be below 2^53; send more as bytes.`);
}

function idsOf(texts: readonly string[], field: string): MessageId[] {
  return texts.map((text, position) => parseMessageId(text, `${field}[${position}]`));
}

function hashesOf(texts: readonly string[], field: string, sizeBytes: number): Uint8Array[] {
  return texts.map((text, position) => bytesFromHex(text, `${field}[${position}]`, sizeBytes));
}

function payloadOf(json: PayloadJson): Payload {
  if (json.type === payloadTypes.indexation) return indexationOf(json, 'payload');
  if (json.type === payloadTypes.transaction) return transactionOf(json);
  return milestoneOf(json);
}

function indexationOf({ type, index, data }: IndexationJson, field: string): IndexationPayload {
  return {
    type,
    index: bytesFromHex(index, `${field}.index`),
    data: bytesFromHex(data ?? '', `${field}.data`),
  };
}

function transactionOf({ type, essence, unlockBlocks }: TransactionJson): TransactionPayload {
  const field = 'payload.essence';
  return {
    type,
    essence: {
      inputs: essence.inputs.map(({ transactionId, transactionOutputIndex }, position) => ({
        transactionId: bytesFromHex(
          transactionId,
          `${field}.inputs[${position}].transactionId`,
          32,
        ),
        outputIndex: transactionOutputIndex,
      })),
      outputs: essence.outputs.map((output, position) => ({
        type: output.type,
        address: addressOf(output.address, `${field}.outputs[${position}].address`),
        amount: wideOf(output.amount, `${field}.outputs[${position}].amount`),
      })),
      payload: essence.payload ? indexationOf(essence.payload, `${field}.payload`) : undefined,
    },
    unlockBlocks: unlockBlocks.map((block, position) =>
      unlockBlockOf(block, `payload.unlockBlocks[${position}].signature`),
    ),
  };
}

function unlockBlockOf(block: UnlockBlockJson, field: string): UnlockBlock {
  if (block.type === unlockTypes.reference) return block;
  const { publicKey, signature } = block.signature;
  return {
    type: block.type,
    publicKey: bytesFromHex(publicKey, `${field}.publicKey`, 32),
    signature: bytesFromHex(signature, `${field}.signature`, 64),
  };
}

function milestoneOf(json: MilestoneJson): MilestonePayload {
  return {
    type: json.type,
    index: json.index,
    timestamp: wideOf(json.timestamp, 'payload.timestamp'),
    parents: idsOf(json.parentMessageIds, 'payload.parentMessageIds'),
    inclusionMerkleProof: bytesFromHex(
      json.inclusionMerkleProof,
      'payload.inclusionMerkleProof',
      32,
    ),
    nextPowScore: json.nextPoWScore,
    nextPowScoreMilestoneIndex: json.nextPoWScoreMilestoneIndex,
    publicKeys: hashesOf(json.publicKeys, 'payload.publicKeys', 32),
    receipt: json.receipt ? receiptOf(json.receipt) : undefined,
    signatures: hashesOf(json.signatures, 'payload.signatures', 64),
  };
}

function receiptOf({ type, migratedAt, final, funds, transaction }: ReceiptJson): ReceiptPayload {
  const field = 'payload.receipt';
  return {
    type,
    migratedAt,
    final,
    funds: funds.map(({ tailTransactionHash, address, deposit }, position) => ({
      tailTransactionHash: bytesFromHex(
        tailTransactionHash,
        `${field}.funds[${position}].tailTransactionHash`,
        49,
      ),
      address: addressOf(address, `${field}.funds[${position}].address`),
      deposit: wideOf(deposit, `${field}.funds[${position}].deposit`),
    })),
    transaction: {
      type: transaction.type,
      input: {
        milestoneId: bytesFromHex(
          transaction.input.milestoneId,
          `${field}.transaction.input.milestoneId`,
          32,
        ),
      },
      output: { amount: wideOf(transaction.output.amount, `${field}.transaction.output.amount`) },
    },
  };
}

function addressOf({ address }: AddressJson, field: string): Uint8Array {
  return bytesFromHex(address, `${field}.address`, 32);
}
