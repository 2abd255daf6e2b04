// From a message to its JSON, as the field's clients read it. What is absent has no field.
import { hexOf } from '../protocol/bytes.ts';
import { messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { payloadTypes, unlockTypes } from '../protocol/message.ts';
import type {
  IndexationPayload,
  Message,
  MilestonePayload,
  Payload,
  ReceiptPayload,
  TransactionPayload,
  UnlockBlock,
} from '../protocol/message.ts';
import type {
  AddressJson,
  IndexationJson,
  MessageJson,
  MetadataJson,
  MilestoneJson,
  PayloadJson,
  ReceiptJson,
  TransactionJson,
  UnlockBlockJson,
} from './message-schema.ts';

/** Amounts and times become JSON numbers, exact up to 2^53, which is more than there are tokens. */
export function messageView(message: Message): MessageJson {
  const { networkId, parents, payload, nonce } = message;
  return {
    networkId: networkId.toString(),
    parentMessageIds: parents.map(messageIdHex),
    ...(payload !== undefined && { payload: payloadView(payload) }),
    nonce: nonce.toString(),
  };
}

/** Of a message that is stored: so it is solid, and without milestones nothing is ever late. */
export function metadataView(id: MessageId, { parents }: Message): MetadataJson {
  return {
    messageId: messageIdHex(id),
    parentMessageIds: parents.map(messageIdHex),
    isSolid: true,
    shouldPromote: false,
    shouldReattach: false,
  };
}

function payloadView(payload: Payload): PayloadJson {
  if (payload.type === payloadTypes.indexation) return indexationView(payload);
  if (payload.type === payloadTypes.transaction) return transactionView(payload);
  return milestoneView(payload);
}

function indexationView({ type, index, data }: IndexationPayload): IndexationJson {
  return { type, index: hexOf(index), data: hexOf(data) };
}

function transactionView({ type, essence, unlockBlocks }: TransactionPayload): TransactionJson {
  return {
    type,
    essence: {
      type: 0,
      inputs: essence.inputs.map(({ transactionId, outputIndex }) => ({
        type: 0,
        transactionId: hexOf(transactionId),
        transactionOutputIndex: outputIndex,
      })),
      outputs: essence.outputs.map((output) => ({
        type: output.type,
        address: addressView(output.address),
        amount: Number(output.amount),
      })),
      ...(essence.payload !== undefined && { payload: indexationView(essence.payload) }),
    },
    unlockBlocks: unlockBlocks.map(unlockBlockView),
  };
}

function unlockBlockView(block: UnlockBlock): UnlockBlockJson {
  if (block.type === unlockTypes.reference) return block;
  const { type, publicKey, signature } = block;
  return {
    type,
    signature: { type: 0, publicKey: hexOf(publicKey), signature: hexOf(signature) },
  };
}

function milestoneView(milestone: MilestonePayload): MilestoneJson {
  const { type, index, timestamp, parents, receipt } = milestone;
  return {
    type,
    index,
    timestamp: Number(timestamp),
    parentMessageIds: parents.map(messageIdHex),
    inclusionMerkleProof: hexOf(milestone.inclusionMerkleProof),
    nextPoWScore: milestone.nextPowScore,
    nextPoWScoreMilestoneIndex: milestone.nextPowScoreMilestoneIndex,
    publicKeys: milestone.publicKeys.map(hexOf),
    ...(receipt !== undefined && { receipt: receiptView(receipt) }),
    signatures: milestone.signatures.map(hexOf),
  };
}

function receiptView({ type, migratedAt, final, funds, transaction }: ReceiptPayload): ReceiptJson {
  return {
    type,
    migratedAt,
    final,
    funds: funds.map(({ tailTransactionHash, address, deposit }) => ({
      tailTransactionHash: hexOf(tailTransactionHash),
      address: addressView(address),
      deposit: Number(deposit),
    })),
    transaction: {
      type: transaction.type,
      input: { type: 1, milestoneId: hexOf(transaction.input.milestoneId) },
      output: { type: 2, amount: Number(transaction.output.amount) },
    },
  };
}

function addressView(address: Uint8Array): AddressJson {
  return { type: 0, address: hexOf(address) };
}
