// The receipt of migrated funds and the treasury transaction that pays for it (TIP-17); only inside a milestone.
// As the Go node: layout and order are checked here, deposits and repeated tail hashes when a ledger applies it.
import type { ByteReader, ByteWriter, CountRule } from './bytes.ts';
import { ascendingCheck } from './lists.ts';
import { payloadTypes, wrongPayloadCode } from './message.ts';
import type { MigratedFunds, ReceiptPayload, TreasuryTransaction } from './message.ts';

const treasuryInputType = 1;
const treasuryOutputType = 2;
const ed25519Type = 0;
const idBytes = 32;
const tailHashBytes = 49;
const fundsBytes = tailHashBytes + 1 + idBytes + 8;

const fundsCount: CountRule = { min: 1, max: 127, code: 'RECEIPT_INVALID' };

/** Reads what follows the payload type. Throws RECEIPT_INVALID, TREASURY_TRANSACTION_INVALID. */
export function readReceipt(reader: ByteReader): ReceiptPayload {
  const migratedAt = reader.u32();
  const final = readFinal(reader);
  const funds = readFunds(reader);
  const transaction = reader.payload(readTreasuryTransaction);
  if (transaction === undefined) throw reader.error('RECEIPT_INVALID');
  return { type: payloadTypes.receipt, migratedAt, final, funds, transaction };
}

export function writeReceipt(writer: ByteWriter, receipt: ReceiptPayload): void {
  writer.u32(receipt.migratedAt);
  writer.u8(receipt.final ? 1 : 0);
  writer.count16(receipt.funds.length, fundsCount);
  for (const entry of receipt.funds) writeFundsEntry(writer, entry);
  writer.payload(receipt.transaction, writeTreasuryTransaction);
}

function readFinal(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) throw reader.error('RECEIPT_INVALID');
  return flag === 1;
}

function readFunds(reader: ByteReader): MigratedFunds[] {
  const count = reader.count16(fundsCount);
  const checkOrder = ascendingCheck(reader, {
    notSorted: 'RECEIPT_INVALID',
    notUnique: 'RECEIPT_INVALID',
  });
  const funds: MigratedFunds[] = [];
  for (let position = 0; position < count; position++) {
    const start = reader.offset;
    funds.push(readFundsEntry(reader));
    checkOrder(reader.view(start, fundsBytes));
  }
  return funds;
}

function readFundsEntry(reader: ByteReader): MigratedFunds {
  const tailTransactionHash = reader.bytes(tailHashBytes);
  reader.tag8(ed25519Type, 'ADDRESS_TYPE_UNKNOWN');
  const address = reader.bytes(idBytes);
  const deposit = reader.u64();
  return { tailTransactionHash, address, deposit };
}

function writeFundsEntry(writer: ByteWriter, entry: MigratedFunds): void {
  writer.fixed(entry.tailTransactionHash, tailHashBytes);
  writer.u8(ed25519Type);
  writer.fixed(entry.address, idBytes);
  writer.u64(entry.deposit);
}

function readTreasuryTransaction(reader: ByteReader, type: number): TreasuryTransaction {
  if (type !== payloadTypes.treasury) throw reader.error(wrongPayloadCode(type));
  reader.tag8(treasuryInputType, 'TREASURY_TRANSACTION_INVALID');
  const milestoneId = reader.bytes(idBytes);
  reader.tag8(treasuryOutputType, 'TREASURY_TRANSACTION_INVALID');
  const amount = reader.u64();
  return { type, input: { milestoneId }, output: { amount } };
}

function writeTreasuryTransaction(writer: ByteWriter, transaction: TreasuryTransaction): void {
  writer.u8(treasuryInputType);
  writer.fixed(transaction.input.milestoneId, idBytes);
  writer.u8(treasuryOutputType);
  writer.u64(transaction.output.amount);
}
