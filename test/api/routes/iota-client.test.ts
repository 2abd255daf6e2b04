// The public JavaScript client of the field, unchanged, against this API.
import { ClientError, SingleNodeClient, deserializeMessage, serializeMessage } from '@iota/iota.js';
import { ReadStream, WriteStream } from '@iota/util.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageView } from '../../../src/api/views.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocol/codec.ts';
import { genesisId, messageIdHex } from '../../../src/protocol/ids.ts';
import type { MilestonePayload } from '../../../src/protocol/message.ts';
import { openTestApi, someInfo, takingAttach } from '../harness.ts';
import { aRecord, openApiOver } from './stored.ts';

const index = Buffer.from('iota.js');
const record = aRecord({ payload: { type: 2, index, data: Buffer.from('hello') } });
const id = messageIdHex(record.id);

let opened: Awaited<ReturnType<typeof openApiOver>>;
let client: SingleNodeClient;
beforeAll(async () => {
  opened = await openApiOver([record]);
  client = new SingleNodeClient(opened.api.url);
});
afterAll(() => opened[Symbol.asyncDispose]());

describe('iota.js', () => {
  it('asks what the node is', async () => {
    expect(await client.health()).toBe(true);
    expect(await client.info()).toEqual(someInfo);
    expect((await client.tips()).tipMessageIds).toEqual([messageIdHex(genesisId)]);
  });

  it('reads a message in every form', async () => {
    const view = messageView(decodeMessage(record.bytes));
    expect(await client.message(id)).toEqual(view);
    expect(await client.messageRaw(id)).toEqual(new Uint8Array(record.bytes));
    expect(await client.messageMetadata(id)).toMatchObject({ messageId: id, isSolid: true });
    expect(await client.messageChildren(id)).toMatchObject({ count: 0 });
    expect(await client.messagesFind('iota.js')).toMatchObject({ count: 1, messageIds: [id] });
  });

  it('sends messages as objects and as bytes', async () => {
    const { attach, drafts } = takingAttach();
    await using api = await openTestApi({ attach });
    const sender = new SingleNodeClient(api.url);
    const sent = { payload: { type: 2, index: 'aa' } } as const;
    expect(await sender.messageSubmit(sent)).toBe(messageIdHex(genesisId));
    expect(await sender.messageSubmitRaw(record.bytes)).toBe(messageIdHex(genesisId));
    expect(drafts.length).toBe(2);
    expect(drafts[1]?.payload).toEqual(decodeMessage(record.bytes).payload);
  });

  it.each([
    ['an unknown message', () => client.message('ab'.repeat(32)), 404, 'No message abab'],
    ['raw bytes of it', () => client.messageRaw('ab'.repeat(32)), 404, 'No message abab'],
    ['a wrong message', () => client.messageSubmitRaw(new Uint8Array(60)), 400, 'Bytes follow'],
    ['an output', () => client.output('00'), 501, 'This node keeps no ledger'],
    ['a milestone', () => client.milestone(1), 404, 'There is no milestone 1.'],
  ])('is told why it cannot have %s', async (...row) => {
    const [, ask, status, sentence] = row;
    const error = await ask().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toHaveProperty('code', String(status));
    expect(String(error)).toContain(sentence);
  });

  it('reads and writes a milestone with a receipt the same', () => {
    const payload = milestoneWithReceipt();
    const ours = encodeMessage({ networkId: 1n, parents: payload.parents, payload, nonce: 1n });
    const theirs = deserializeMessage(new ReadStream(ours));
    expect(messageView(decodeMessage(ours))).toEqual(theirs);
    const stream = new WriteStream();
    serializeMessage(stream, theirs);
    expect(stream.finalBytes()).toEqual(ours);
  });
});

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

function milestoneWithReceipt(): MilestonePayload {
  return {
    type: 1,
    index: 7,
    timestamp: 1_600_000_000n,
    parents: [genesisId],
    inclusionMerkleProof: bytes(32, 1),
    nextPowScore: 0,
    nextPowScoreMilestoneIndex: 0,
    publicKeys: [bytes(32, 2)],
    receipt: {
      type: 3,
      migratedAt: 6,
      final: true,
      funds: [{ tailTransactionHash: bytes(49, 3), address: bytes(32, 4), deposit: 1_000_000n }],
      transaction: {
        type: 4,
        input: { milestoneId: bytes(32, 5) },
        output: { amount: 2_000_000n },
      },
    },
    signatures: [bytes(64, 6)],
  };
}
