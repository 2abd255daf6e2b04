// Every message that is valid, generated: for properties that must hold of all of them.
import * as fc from 'fast-check';
import { compareBytes, hexOf } from '../../src/protocol/bytes.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { tokenSupply } from '../../src/protocol/message.ts';
import type {
  IndexationPayload,
  Message,
  MilestonePayload,
  Payload,
  ReceiptPayload,
  SignatureUnlockBlock,
  TransactionOutput,
  TransactionPayload,
  UnlockBlock,
} from '../../src/protocol/message.ts';

const u32 = fc.nat(0xffff_ffff);
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
/** What JSON clients can carry as a number. */
const safeAmount = fc.bigInt({ min: 0n, max: 2n ** 53n - 1n });
const hash = bytesOf(32);
const maxListLength = 9;

function bytesOf(sizeBytes: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: sizeBytes, maxLength: sizeBytes });
}

/** 1 to `maxLength` different values, in ascending order of the bytes that `orderOf` names. */
function sorted<T>(
  value: fc.Arbitrary<T>,
  orderOf: (value: T) => Uint8Array,
  maxLength = maxListLength,
): fc.Arbitrary<T[]> {
  return fc
    .uniqueArray(value, { minLength: 1, maxLength, selector: (item) => hexOf(orderOf(item)) })
    .map((items) => items.toSorted((a, b) => compareBytes(orderOf(a), orderOf(b))));
}

const parents: fc.Arbitrary<MessageId[]> = sorted(hash, (id) => id, 8).map((ids) =>
  ids.map(asMessageId),
);

const indexation: fc.Arbitrary<IndexationPayload> = fc.record({
  type: fc.constant(2 as const),
  index: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  data: fc.uint8Array({ maxLength: 2000, size: 'large' }),
});

const output: fc.Arbitrary<TransactionOutput> = fc
  .tuple(
    fc.constantFrom(0 as const, 1 as const),
    hash,
    fc.bigInt({ min: 1n, max: tokenSupply / BigInt(maxListLength) }),
  )
  .map(([type, address, amount]) => ({
    type,
    address,
    amount: type === 1 && amount < 1_000_000n ? amount + 1_000_000n : amount,
  }));

const signature: fc.Arbitrary<SignatureUnlockBlock> = fc.record({
  type: fc.constant(0 as const),
  publicKey: hash,
  signature: bytesOf(64),
});

/** The first is a signature; each later one may refer to any signature before it instead. */
function unlockBlocks(count: number): fc.Arbitrary<UnlockBlock[]> {
  const signatures = fc.uniqueArray(signature, {
    minLength: count,
    maxLength: count,
    selector: (block) => hexOf(block.publicKey) + hexOf(block.signature),
  });
  const choices = fc.array(fc.option(fc.nat(), { freq: 1 }), {
    minLength: count,
    maxLength: count,
  });
  return fc.tuple(signatures, choices).map(([blocks, picks]) => {
    const earlier: number[] = [];
    return blocks.map((block, position) => {
      const pick = picks[position];
      const reference = typeof pick === 'number' ? earlier[pick % earlier.length] : undefined;
      if (reference !== undefined) return { type: 1, reference };
      earlier.push(position);
      return block;
    });
  });
}

const transaction: fc.Arbitrary<TransactionPayload> = fc
  .record({
    inputs: sorted(fc.record({ transactionId: hash, outputIndex: fc.nat(126) }), (input) =>
      Uint8Array.from([...input.transactionId, input.outputIndex]),
    ),
    outputs: sorted(output, ({ type, address }) => Uint8Array.from([type, ...address])),
    payload: fc.option(indexation, { nil: undefined }),
  })
  .chain((essence) =>
    unlockBlocks(essence.inputs.length).map((blocks) => ({
      type: 0 as const,
      essence,
      unlockBlocks: blocks,
    })),
  );

const receipt: fc.Arbitrary<ReceiptPayload> = fc.record({
  type: fc.constant(3 as const),
  migratedAt: u32,
  final: fc.boolean(),
  funds: sorted(
    fc.record({ tailTransactionHash: bytesOf(49), address: hash, deposit: safeAmount }),
    (entry) => entry.tailTransactionHash,
  ),
  transaction: fc.record({
    type: fc.constant(4 as const),
    input: fc.record({ milestoneId: hash }),
    output: fc.record({ amount: safeAmount }),
  }),
});

function milestone(ofMessage: readonly MessageId[]): fc.Arbitrary<MilestonePayload> {
  const nextPow = fc.option(fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), u32));
  return fc
    .record({
      index: fc.nat(0xffff_fffe),
      timestamp: safeAmount,
      inclusionMerkleProof: hash,
      nextPow,
      signed: sorted(fc.tuple(hash, bytesOf(64)), ([publicKey]) => publicKey),
      receipt: fc.option(receipt, { nil: undefined }),
    })
    .map(({ nextPow: next, signed, ...rest }) => ({
      ...rest,
      type: 1 as const,
      parents: ofMessage,
      nextPowScore: next?.[0] ?? 0,
      nextPowScoreMilestoneIndex: next ? Math.max(next[1], rest.index + 1) : 0,
      publicKeys: signed.map(([publicKey]) => publicKey),
      signatures: signed.map(([, bytes]) => bytes),
    }));
}

type PayloadKind = 'none' | 'indexation' | 'transaction' | 'milestone';

/** A new kind without a generator does not compile. */
const payloadOf: Record<
  PayloadKind,
  (ofMessage: readonly MessageId[]) => fc.Arbitrary<Payload | undefined>
> = {
  none: () => fc.constant(undefined),
  indexation: () => indexation,
  transaction: () => transaction,
  milestone,
};

export const payloadKinds: readonly string[] = Object.keys(payloadOf);

/** Valid messages with this kind of payload, or with any. */
export function messages(kind?: string): fc.Arbitrary<Message> {
  const kinds = Object.entries(payloadOf)
    .filter(([name]) => kind === undefined || name === kind)
    .map(([, make]) => make);
  return fc
    .tuple(parents, fc.constantFrom(...kinds), u64, u64)
    .chain(([ids, make, networkId, nonce]) =>
      make(ids).map((payload) => ({ networkId, parents: ids, payload, nonce })),
    );
}
