import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageView } from '../../../src/api/views.ts';
import { decodeMessage } from '../../../src/protocol/codec.ts';
import { genesisId, messageIdHex } from '../../../src/protocol/ids.ts';
import { ask, errorOf } from '../harness.ts';
import { aRecord, openApiOver } from './stored.ts';

const index = Buffer.from('reads');
const first = aRecord({ payload: { type: 2, index, data: Buffer.from('first') } });
const children = [first.id, first.id].map((parent) => aRecord({ parents: [parent] }));
const extreme = aRecord({
  parents: [first.id],
  payload: {
    type: 1,
    index: 2 ** 32 - 1,
    timestamp: 2n ** 64n - 1n,
    parents: [first.id],
    inclusionMerkleProof: new Uint8Array(32),
    nextPowScore: 0,
    nextPowScoreMilestoneIndex: 0,
    publicKeys: [new Uint8Array(32)],
    receipt: undefined,
    signatures: [new Uint8Array(64)],
  },
});
const [firstId, ...childrenIds] = [first, ...children, extreme].map(({ id }) => messageIdHex(id));
const unknownId = 'ab'.repeat(32);

let opened: Awaited<ReturnType<typeof openApiOver>>;
beforeAll(async () => {
  opened = await openApiOver([first, ...children, extreme]);
});
afterAll(() => opened[Symbol.asyncDispose]());

const get = (path: string) => ask(opened.api, { path: `/api/v1/messages/${path}` });

describe('a stored message', () => {
  it('is read as JSON', async () => {
    const { status, json } = await get(`${firstId}`);
    expect(status).toBe(200);
    expect(json).toEqual({ data: messageView(decodeMessage(first.bytes)) });
  });

  it('is found by its id in upper case too', async () => {
    expect((await get(`${firstId?.toUpperCase()}`)).status).toBe(200);
  });

  it('is read as JSON with numbers that JSON only nears', async () => {
    const { status, json } = await get(messageIdHex(extreme.id));
    expect(status).toBe(200);
    const timestamp = 2 ** 64;
    expect(json).toMatchObject({ data: { payload: { type: 1, index: 2 ** 32 - 1, timestamp } } });
  });

  it('is read as the bytes it came as', async () => {
    const { status, headers, bytes } = await get(`${firstId}/raw`);
    expect([status, headers['content-type']]).toEqual([200, 'application/octet-stream']);
    expect(bytes).toEqual(Buffer.from(first.bytes));
  });

  it('is solid, and never late without milestones', async () => {
    const { status, json } = await get(`${firstId}/metadata`);
    expect(status).toBe(200);
    expect(json).toEqual({
      data: {
        messageId: firstId,
        parentMessageIds: [messageIdHex(genesisId)],
        isSolid: true,
        shouldPromote: false,
        shouldReattach: false,
      },
    });
  });

  it('has its children, as many as are listed', async () => {
    const { status, json } = await get(`${firstId}/children`);
    expect(status).toBe(200);
    expect(json).toEqual({
      data: {
        messageId: firstId,
        maxResults: 1000,
        count: 3,
        childrenMessageIds: childrenIds,
      },
    });
  });
});

describe('a message that is not stored', () => {
  it.each(['', '/metadata', '/raw'])('is not found: /<id>%s', async (suffix) => {
    const answer = await get(`${unknownId}${suffix}`);
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toMatchObject({
      reason: 'message_not_found',
      message: `No message ${unknownId} is stored here.`,
    });
  });

  it('has no children', async () => {
    const { status, json } = await get(`${unknownId}/children`);
    expect([status, json]).toEqual([
      200,
      { data: { messageId: unknownId, maxResults: 1000, count: 0, childrenMessageIds: [] } },
    ]);
  });

  it('is the genesis, which has children all the same', async () => {
    const id = messageIdHex(genesisId);
    expect((await get(id)).status).toBe(404);
    expect((await get(`${id}/children`)).json).toMatchObject({
      data: { count: 1, childrenMessageIds: [firstId] },
    });
  });
});

describe('a message id that is none', () => {
  const ids = ['abc', unknownId.slice(2), `${unknownId}00`, `0x${unknownId.slice(2)}`, '%00'];
  const suffixes = ['', '/metadata', '/raw', '/children'];

  it.each(ids.flatMap((id) => suffixes.map((suffix) => id + suffix)))(
    'is refused: %s',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(400);
      expect(errorOf(answer)).toMatchObject({
        reason: 'hex_invalid',
        message: 'messageId must be 64 hex characters.',
      });
    },
  );
});
