// A message as Chrysalis clients write it in JSON, for comparing with what others decoded.
import { hexOf } from '../../src/protocol/bytes.ts';
import type {
  IndexationPayload,
  Message,
  MilestonePayload,
  Payload,
  ReceiptPayload,
  TransactionPayload,
} from '../../src/protocol/message.ts';

/** Absent things are absent, not null. Amounts must fit a JavaScript number. */
export function jsonOf(message: Message): object {
  return {
    networkId: message.networkId.toString(),
    parentMessageIds: message.parents.map(hexOf),
    ...(message.payload && { payload: payloadJson(message.payload) }),
    nonce: message.nonce.toString(),
  };
}

function payloadJson(payload: Payload): object {
  if (payload.type === 0) return transactionJson(payload);
  return payload.type === 1 ? milestoneJson(payload) : indexationJson(payload);
}

function indexationJson({ type, index, data }: IndexationPayload): object {
  return { type, index: hexOf(index), data: hexOf(data) };
}

function transactionJson({ type, essence, unlockBlocks }: TransactionPayload): object {
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
        address: addressJson(output.address),
        amount: Number(output.amount),
      })),
      ...(essence.payload && { payload: indexationJson(essence.payload) }),
    },
    unlockBlocks: unlockBlocks.map((block) =>
      block.type === 1
        ? block
        : {
            type: 0,
            signature: {
              type: 0,
              publicKey: hexOf(block.publicKey),
              signature: hexOf(block.signature),
            },
          },
    ),
  };
}

function milestoneJson(payload: MilestonePayload): object {
  return {
    type: payload.type,
    index: payload.index,
    timestamp: Number(payload.timestamp),
    parentMessageIds: payload.parents.map(hexOf),
    inclusionMerkleProof: hexOf(payload.inclusionMerkleProof),
    nextPoWScore: payload.nextPowScore,
    nextPoWScoreMilestoneIndex: payload.nextPowScoreMilestoneIndex,
    publicKeys: payload.publicKeys.map(hexOf),
    ...(payload.receipt && { receipt: receiptJson(payload.receipt) }),
    signatures: payload.signatures.map(hexOf),
  };
}

function receiptJson({ type, migratedAt, final, funds, transaction }: ReceiptPayload): object {
  return {
    type,
    migratedAt,
    final,
    funds: funds.map((entry) => ({
      tailTransactionHash: hexOf(entry.tailTransactionHash),
      address: addressJson(entry.address),
      deposit: Number(entry.deposit),
    })),
    transaction: {
      type: transaction.type,
      input: { type: 1, milestoneId: hexOf(transaction.input.milestoneId) },
      output: { type: 2, amount: Number(transaction.output.amount) },
    },
  };
}

function addressJson(address: Uint8Array): object {
  return { type: 0, address: hexOf(address) };
}
