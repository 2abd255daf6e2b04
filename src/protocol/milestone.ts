// The milestone payload (TIP-8): layout and syntax only. Whether keys and signatures count is not decided here.
import type { ByteReader, ByteWriter, CountRule } from './bytes.ts';
import { asMessageId } from './ids.ts';
import { readHashes, writeHashes } from './lists.ts';
import type { HashListRule } from './lists.ts';
import { maxParents, payloadTypes, wrongPayloadCode } from './message.ts';
import type { MilestonePayload, ReceiptPayload } from './message.ts';
import { readReceipt, writeReceipt } from './receipt.ts';

const merkleRootBytes = 32;
const signatureBytes = 64;

/** The same for a message and for the milestone inside, which repeats them. */
export const parentsRule: HashListRule = {
  count: { min: 1, max: maxParents, code: 'PARENTS_COUNT_INVALID' },
  order: { notSorted: 'PARENTS_NOT_SORTED', notUnique: 'PARENTS_NOT_UNIQUE' },
};

const publicKeysRule: HashListRule = {
  count: { min: 1, max: 255, code: 'MILESTONE_KEYS_INVALID' },
  order: { notSorted: 'MILESTONE_KEYS_INVALID', notUnique: 'MILESTONE_KEYS_INVALID' },
};

/** Reads what follows the payload type: the essence, which is what is signed, and the signatures. */
export function readMilestone(reader: ByteReader): MilestonePayload {
  const index = reader.u32();
  const timestamp = reader.u64();
  const parents = readHashes(reader, parentsRule).map(asMessageId);
  const inclusionMerkleProof = reader.bytes(merkleRootBytes);
  const nextPow = readNextPow(reader, index);
  const publicKeys = readHashes(reader, publicKeysRule);
  const receipt = reader.payload(readMilestonePayload);
  const signatures = readSignatures(reader, publicKeys.length);
  return {
    type: payloadTypes.milestone,
    index,
    timestamp,
    parents,
    inclusionMerkleProof,
    ...nextPow,
    publicKeys,
    receipt,
    signatures,
  };
}

export function writeMilestone(writer: ByteWriter, payload: MilestonePayload): void {
  writer.u32(payload.index);
  writer.u64(payload.timestamp);
  writeHashes(writer, payload.parents, parentsRule);
  writer.fixed(payload.inclusionMerkleProof, merkleRootBytes);
  writer.u32(payload.nextPowScore);
  writer.u32(payload.nextPowScoreMilestoneIndex);
  writeHashes(writer, payload.publicKeys, publicKeysRule);
  writer.payload(payload.receipt, writeReceipt);
  writer.count8(payload.signatures.length, signaturesCount(payload.publicKeys.length));
  for (const signature of payload.signatures) writer.fixed(signature, signatureBytes);
}

type NextPow = Pick<MilestonePayload, 'nextPowScore' | 'nextPowScoreMilestoneIndex'>;

function readNextPow(reader: ByteReader, milestoneIndex: number): NextPow {
  const nextPowScore = reader.u32();
  const nextPowScoreMilestoneIndex = reader.u32();
  const isAnnounced = nextPowScore !== 0;
  const isAhead = nextPowScoreMilestoneIndex > milestoneIndex;
  if (isAnnounced ? !isAhead : nextPowScoreMilestoneIndex !== 0) {
    throw reader.error('MILESTONE_POW_INVALID');
  }
  return { nextPowScore, nextPowScoreMilestoneIndex };
}

function readMilestonePayload(reader: ByteReader, type: number): ReceiptPayload {
  if (type !== payloadTypes.receipt) throw reader.error(wrongPayloadCode(type));
  return readReceipt(reader);
}

function readSignatures(reader: ByteReader, keyCount: number): Uint8Array[] {
  reader.count8(signaturesCount(keyCount));
  const signatures: Uint8Array[] = [];
  for (let position = 0; position < keyCount; position++) {
    signatures.push(reader.bytes(signatureBytes));
  }
  return signatures;
}

function signaturesCount(keyCount: number): CountRule {
  return { min: keyCount, max: keyCount, code: 'MILESTONE_SIGNATURES_INVALID' };
}
