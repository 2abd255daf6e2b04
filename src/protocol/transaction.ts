// The transaction payload (TIP-7): layout and syntax only. Signatures, spends and balances are the ledger's work.
import type { ByteReader, ByteWriter, CountRule } from './bytes.ts';
import { hexOf } from './bytes.ts';
import { readIndexation, writeIndexation } from './indexation.ts';
import { ascendingCheck } from './lists.ts';
import type { OrderRule } from './lists.ts';
import {
  maxInputs,
  maxOutputs,
  minDustAllowance,
  outputTypes,
  payloadTypes,
  tokenSupply,
  unlockTypes,
  wrongPayloadCode,
} from './message.ts';
import type {
  IndexationPayload,
  OutputType,
  ReferenceUnlockBlock,
  SignatureUnlockBlock,
  TransactionEssence,
  TransactionInput,
  TransactionOutput,
  TransactionPayload,
  UnlockBlock,
} from './message.ts';

const essenceType = 0;
const utxoInputType = 0;
const ed25519Type = 0;
const idBytes = 32;
const signatureBytes = 64;
const inputBytes = 1 + idBytes + 2;
/** Output type, address type and address, but not the amount. */
const outputTargetBytes = 1 + 1 + idBytes;

const inputsCount: CountRule = { min: 1, max: maxInputs, code: 'INPUTS_COUNT_INVALID' };
const outputsCount: CountRule = { min: 1, max: maxOutputs, code: 'OUTPUTS_COUNT_INVALID' };
const inputsOrder: OrderRule = {
  notSorted: 'INPUTS_NOT_SORTED',
  notUnique: 'INPUTS_NOT_UNIQUE',
};
const outputsOrder: OrderRule = {
  notSorted: 'OUTPUTS_NOT_SORTED',
  notUnique: 'OUTPUT_ADDRESS_NOT_UNIQUE',
};

/** Reads what follows the payload type. */
export function readTransaction(reader: ByteReader): TransactionPayload {
  const essence = readEssence(reader);
  const unlockBlocks = readUnlockBlocks(reader, essence.inputs.length);
  return { type: payloadTypes.transaction, essence, unlockBlocks };
}

export function writeTransaction(writer: ByteWriter, payload: TransactionPayload): void {
  writeEssence(writer, payload.essence);
  writeUnlockBlocks(writer, payload);
}

function readEssence(reader: ByteReader): TransactionEssence {
  reader.tag8(essenceType, 'ESSENCE_TYPE_UNKNOWN');
  const inputs = readInputs(reader);
  const outputs = readOutputs(reader);
  const payload = reader.payload(readEssencePayload);
  return { inputs, outputs, payload };
}

function writeEssence(writer: ByteWriter, essence: TransactionEssence): void {
  writer.u8(essenceType);
  writer.count16(essence.inputs.length, inputsCount);
  for (const input of essence.inputs) writeInput(writer, input);
  writer.count16(essence.outputs.length, outputsCount);
  for (const output of essence.outputs) writeOutput(writer, output);
  writer.payload(essence.payload, writeIndexation);
}

function readEssencePayload(reader: ByteReader, type: number): IndexationPayload {
  if (type !== payloadTypes.indexation) throw reader.error(wrongPayloadCode(type));
  return readIndexation(reader);
}

function readInputs(reader: ByteReader): TransactionInput[] {
  const count = reader.count16(inputsCount);
  const checkOrder = ascendingCheck(reader, inputsOrder);
  const inputs: TransactionInput[] = [];
  for (let position = 0; position < count; position++) {
    const start = reader.offset;
    inputs.push(readInput(reader));
    checkOrder(reader.view(start, inputBytes));
  }
  return inputs;
}

function readInput(reader: ByteReader): TransactionInput {
  reader.tag8(utxoInputType, 'INPUT_TYPE_UNKNOWN');
  const transactionId = reader.bytes(idBytes);
  const outputIndex = reader.u16();
  if (outputIndex >= maxOutputs) throw reader.error('INPUT_OUTPUT_INDEX_INVALID');
  return { transactionId, outputIndex };
}

function writeInput(writer: ByteWriter, input: TransactionInput): void {
  writer.u8(utxoInputType);
  writer.fixed(input.transactionId, idBytes);
  writer.u16(input.outputIndex);
}

function readOutputs(reader: ByteReader): TransactionOutput[] {
  const count = reader.count16(outputsCount);
  const checkOrder = ascendingCheck(reader, outputsOrder);
  const outputs: TransactionOutput[] = [];
  let sum = 0n;
  for (let position = 0; position < count; position++) {
    const start = reader.offset;
    const output = readOutput(reader);
    // Compared without their amounts: ascending then means sorted *and* no address twice for a type.
    checkOrder(reader.view(start, outputTargetBytes));
    sum += output.amount;
    if (sum > tokenSupply) throw reader.error('OUTPUTS_SUM_INVALID');
    outputs.push(output);
  }
  return outputs;
}

function readOutput(reader: ByteReader): TransactionOutput {
  const type = reader.u8();
  if (!isOutputType(type)) throw reader.error('OUTPUT_TYPE_UNKNOWN');
  reader.tag8(ed25519Type, 'ADDRESS_TYPE_UNKNOWN');
  const address = reader.bytes(idBytes);
  const amount = reader.u64();
  const least = type === outputTypes.dustAllowance ? minDustAllowance : 1n;
  if (amount < least || amount > tokenSupply) throw reader.error('OUTPUT_AMOUNT_INVALID');
  return { type, address, amount };
}

function writeOutput(writer: ByteWriter, output: TransactionOutput): void {
  writer.u8(output.type);
  writer.u8(ed25519Type);
  writer.fixed(output.address, idBytes);
  writer.u64(output.amount);
}

function isOutputType(type: number): type is OutputType {
  return type === outputTypes.singleAddress || type === outputTypes.dustAllowance;
}

function readUnlockBlocks(reader: ByteReader, inputCount: number): UnlockBlock[] {
  reader.count16(unlockBlocksCount(inputCount));
  const blocks: UnlockBlock[] = [];
  const seenSignatures = new Set<string>();
  for (let position = 0; position < inputCount; position++) {
    const type = reader.u8();
    if (type === unlockTypes.signature) blocks.push(readSignatureBlock(reader, seenSignatures));
    else if (type === unlockTypes.reference) blocks.push(readReferenceBlock(reader, blocks));
    else throw reader.error('UNLOCK_BLOCK_TYPE_UNKNOWN');
  }
  return blocks;
}

function readSignatureBlock(reader: ByteReader, seen: Set<string>): SignatureUnlockBlock {
  reader.tag8(ed25519Type, 'SIGNATURE_TYPE_UNKNOWN');
  const publicKey = reader.bytes(idBytes);
  const signature = reader.bytes(signatureBytes);
  const key = hexOf(publicKey) + hexOf(signature);
  if (seen.has(key)) throw reader.error('UNLOCK_BLOCK_NOT_UNIQUE');
  seen.add(key);
  return { type: unlockTypes.signature, publicKey, signature };
}

function readReferenceBlock(
  reader: ByteReader,
  earlier: readonly UnlockBlock[],
): ReferenceUnlockBlock {
  const reference = reader.u16();
  if (earlier[reference]?.type !== unlockTypes.signature) throw reader.error('REFERENCE_INVALID');
  return { type: unlockTypes.reference, reference };
}

function writeUnlockBlocks(
  writer: ByteWriter,
  { unlockBlocks, essence }: TransactionPayload,
): void {
  writer.count16(unlockBlocks.length, unlockBlocksCount(essence.inputs.length));
  for (const block of unlockBlocks) {
    writer.u8(block.type);
    if (block.type === unlockTypes.reference) {
      writer.u16(block.reference);
    } else {
      writer.u8(ed25519Type);
      writer.fixed(block.publicKey, idBytes);
      writer.fixed(block.signature, signatureBytes);
    }
  }
}

/** Each input has its own unlock block, at the same position. */
function unlockBlocksCount(inputCount: number): CountRule {
  return { min: inputCount, max: inputCount, code: 'UNLOCK_BLOCKS_COUNT_INVALID' };
}
