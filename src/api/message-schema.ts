// The JSON form of a message, as the field's clients write and read it. A description is a phrase that can
// follow "must be"; where a type is one of several, the number in `type` tells which.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { outputTypes, payloadTypes, unlockTypes } from '../protocol/message.ts';
import { hex } from './route.ts';

/** A field this node does not know would be lost on the way, so it is refused. */
const closed = (description: string) => ({ description, additionalProperties: false });

const kind = <N extends number>(value: N) => Type.Literal(value, { description: String(value) });

const upTo = (maximum: number, what: string) =>
  Type.Integer({ minimum: 0, maximum, description: `${what} from 0 to ${maximum}` });

const u16 = upTo(0xffff, 'a number');
const u32 = upTo(0xffff_ffff, 'a number');
/** A 64-bit field that the field's clients write as a number: exact only up to 2^53, so drafts check it. */
const wide = Type.Integer({ minimum: 0, description: 'a whole number, 0 or more' });

/** Too large for a JSON number, so written as text. */
const u64 = Type.String({
  pattern: '^[0-9]{0,20}$',
  description: 'a 64-bit number, as a decimal string',
});

const parents = Type.Array(hex('32 bytes'), { description: 'an array of message ids' });

const address = Type.Object(
  { type: kind(0), address: hex('32 bytes') },
  closed('an Ed25519 address'),
);

const indexation = Type.Object(
  {
    type: kind(payloadTypes.indexation),
    index: hex('1 to 64 bytes'),
    data: Type.Optional(hex('bytes')),
  },
  closed('an indexation payload'),
);

const input = Type.Object(
  { type: kind(0), transactionId: hex('32 bytes'), transactionOutputIndex: u16 },
  closed('an input'),
);

const output = Type.Object(
  { type: Type.Enum(Object.values(outputTypes), { description: '0 or 1' }), address, amount: wide },
  closed('an output'),
);

const signatureUnlock = Type.Object(
  {
    type: kind(unlockTypes.signature),
    signature: Type.Object(
      { type: kind(0), publicKey: hex('32 bytes'), signature: hex('64 bytes') },
      closed('an Ed25519 signature'),
    ),
  },
  closed('a signature unlock block'),
);

const referenceUnlock = Type.Object(
  { type: kind(unlockTypes.reference), reference: u16 },
  closed('a reference unlock block'),
);

const unlockBlock = Type.Union([signatureUnlock, referenceUnlock], {
  description: 'an unlock block of type 0 (signature) or 1 (reference)',
});

const transaction = Type.Object(
  {
    type: kind(payloadTypes.transaction),
    essence: Type.Object(
      {
        type: kind(0),
        inputs: Type.Array(input, { description: 'an array of inputs' }),
        outputs: Type.Array(output, { description: 'an array of outputs' }),
        payload: Type.Optional(
          Type.Union([indexation, Type.Null()], { description: 'an indexation payload' }),
        ),
      },
      closed('a transaction essence'),
    ),
    unlockBlocks: Type.Array(unlockBlock, { description: 'an array of unlock blocks' }),
  },
  closed('a transaction payload'),
);

const treasuryTransaction = Type.Object(
  {
    type: kind(payloadTypes.treasury),
    input: Type.Object({ type: kind(1), milestoneId: hex('32 bytes') }, closed('a treasury input')),
    output: Type.Object({ type: kind(2), amount: wide }, closed('a treasury output')),
  },
  closed('a treasury transaction'),
);

const receipt = Type.Object(
  {
    type: kind(payloadTypes.receipt),
    migratedAt: u32,
    final: Type.Boolean({ description: 'true or false' }),
    funds: Type.Array(
      Type.Object(
        { tailTransactionHash: hex('49 bytes'), address, deposit: wide },
        closed('migrated funds'),
      ),
      { description: 'an array of migrated funds' },
    ),
    transaction: treasuryTransaction,
  },
  closed('a receipt'),
);

const milestone = Type.Object(
  {
    type: kind(payloadTypes.milestone),
    index: u32,
    timestamp: wide,
    parentMessageIds: parents,
    inclusionMerkleProof: hex('32 bytes'),
    nextPoWScore: u32,
    nextPoWScoreMilestoneIndex: u32,
    publicKeys: Type.Array(hex('32 bytes'), { description: 'an array of public keys' }),
    receipt: Type.Optional(Type.Union([receipt, Type.Null()], { description: 'a receipt' })),
    signatures: Type.Array(hex('64 bytes'), { description: 'an array of signatures' }),
  },
  closed('a milestone payload'),
);

const payloads = [transaction, milestone, indexation] as const;
const payloadKinds = 'a payload of type 0 (transaction), 1 (milestone) or 2 (indexation)';

/** What a client posts: every field may be left out, the node fills in all but the payload. */
export const draftSchema = Type.Object(
  {
    networkId: Type.Optional(u64),
    parentMessageIds: Type.Optional(parents),
    payload: Type.Optional(Type.Union([...payloads, Type.Null()], { description: payloadKinds })),
    nonce: Type.Optional(u64),
  },
  closed('a message as a JSON object'),
);

/** What a client reads. */
export const messageSchema = Type.Object({
  networkId: u64,
  parentMessageIds: parents,
  payload: Type.Optional(Type.Union([...payloads], { description: payloadKinds })),
  nonce: u64,
});

/** What a client reads of the life of a message. */
export const metadataSchema = Type.Object({
  messageId: hex('32 bytes'),
  parentMessageIds: Type.Array(hex('32 bytes')),
  isSolid: Type.Boolean(),
  shouldPromote: Type.Boolean(),
  shouldReattach: Type.Boolean(),
});

export type MetadataJson = Static<typeof metadataSchema>;
export type DraftJson = Static<typeof draftSchema>;
export type MessageJson = Static<typeof messageSchema>;
export type PayloadJson = Static<(typeof payloads)[number]>;
export type IndexationJson = Static<typeof indexation>;
export type TransactionJson = Static<typeof transaction>;
export type MilestoneJson = Static<typeof milestone>;
export type AddressJson = Static<typeof address>;
export type UnlockBlockJson = Static<typeof unlockBlock>;
export type ReceiptJson = Static<typeof receipt>;
