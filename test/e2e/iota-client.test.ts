// The public client of the field, unchanged, against the real node as it ships.
import type { IMessage, IPowProvider } from '@iota/iota.js';
import {
  SingleNodeClient,
  deserializeMessage,
  retrieveData,
  sendData,
  serializeMessage,
} from '@iota/iota.js';
import { Blake2b } from '@iota/crypto.js';
import { Converter, ReadStream, WriteStream } from '@iota/util.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requiredZeros } from '../../src/protocol/score.ts';
import { mineInPlace } from '../support/messages.ts';
import { aFolder } from '../support/folder.ts';
import { untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';

/** The client's own slot for local work, filled with our slow but simple search. */
const localPow: IPowProvider = {
  pow: (bytes, targetScore) => {
    expect(requiredZeros(bytes.length, targetScore)).toBeGreaterThan(0);
    const copy = Uint8Array.from(bytes);
    mineInPlace(copy, targetScore);
    return Promise.resolve(
      new DataView(copy.buffer).getBigUint64(copy.length - 8, true).toString(),
    );
  },
};

const idOf = (message: IMessage): string => {
  const stream = new WriteStream();
  serializeMessage(stream, message);
  return Converter.bytesToHex(Blake2b.sum256(stream.finalBytes()));
};

const genesis = '0'.repeat(64);
const indexation = (data: string) => ({
  type: 2 as const,
  index: Converter.utf8ToHex('midge e2e'),
  data: Converter.utf8ToHex(data),
});

describe('the public client', () => {
  let folder: Awaited<ReturnType<typeof aFolder>>;
  let node: NodeProcess;
  let client: SingleNodeClient;
  let clientWithPow: SingleNodeClient;

  beforeAll(async () => {
    folder = await aFolder();
    node = await NodeProcess.start({ dataDir: folder.path });
    client = new SingleNodeClient(node.url);
    clientWithPow = new SingleNodeClient(node.url, { powProvider: localPow });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it('finds a healthy node with remote proof of work', async () => {
    await untilHealthy(node);
    expect(await client.health()).toBe(true);
    const info = await client.info();
    expect(info).toMatchObject({
      name: 'Midge',
      isHealthy: true,
      networkId: 'midge-private',
      bech32HRP: 'atoi',
      minPoWScore: 1,
      features: ['PoW'],
    });
  });

  it('gets sorted tips', async () => {
    const { tipMessageIds } = await client.tips();
    expect(tipMessageIds.length).toBeGreaterThan(0);
    expect(tipMessageIds).toEqual(tipMessageIds.toSorted());
  });

  it('leaves parents, network id and work to the node', async () => {
    const id = await client.messageSubmit({ payload: indexation('all by the node') });
    const message = await client.message(id);
    expect(idOf(message)).toBe(id);
    expect(message.payload).toEqual(indexation('all by the node'));
    expect(message.networkId).toBe(
      new DataView(Blake2b.sum256(Converter.utf8ToBytes('midge-private')).buffer)
        .getBigUint64(0, true)
        .toString(),
    );
  });

  it('names its own parents', async () => {
    const parent = await client.messageSubmit({ payload: indexation('parent') });
    const parents = [genesis, parent].toSorted();
    const id = await client.messageSubmit({
      parentMessageIds: parents,
      payload: indexation('child'),
    });
    expect((await client.message(id)).parentMessageIds).toEqual(parents);
    const children = await client.messageChildren(parent);
    expect(children).toMatchObject({ messageId: parent, maxResults: 1000, count: 1 });
    expect(children.childrenMessageIds).toEqual([id]);
  });

  it('does the work itself', async () => {
    const id = await clientWithPow.messageSubmit({ payload: indexation('local work') });
    const message = await client.message(id);
    expect(idOf(message)).toBe(id);
    expect(message.nonce).not.toBe('0');
  });

  it('submits and reads raw bytes', async () => {
    const { tipMessageIds } = await client.tips();
    const { networkId } = await client.message(
      await client.messageSubmit({ payload: indexation('for the network id') }),
    );
    const stream = new WriteStream();
    serializeMessage(stream, {
      networkId: networkId ?? '',
      parentMessageIds: tipMessageIds,
      payload: indexation('raw'),
      nonce: '0',
    });
    const bytes = Uint8Array.from(stream.finalBytes());
    mineInPlace(bytes, 1);
    const id = await client.messageSubmitRaw(bytes);
    expect(id).toBe(Converter.bytesToHex(Blake2b.sum256(bytes)));
    const raw = await client.messageRaw(id);
    expect(Buffer.from(raw)).toEqual(Buffer.from(bytes));
    expect(deserializeMessage(new ReadStream(raw)).payload).toEqual(indexation('raw'));
    expect(await client.messageSubmitRaw(bytes)).toBe(id);
  });

  it('reads metadata', async () => {
    const id = await client.messageSubmit({ payload: indexation('metadata') });
    expect(await client.messageMetadata(id)).toEqual({
      messageId: id,
      parentMessageIds: (await client.message(id)).parentMessageIds,
      isSolid: true,
      shouldPromote: false,
      shouldReattach: false,
    });
  });

  it('finds messages by index, newest first', async () => {
    const index = Converter.utf8ToHex('find me');
    const ids: string[] = [];
    for (const data of ['00', '01', '02']) {
      ids.push(await client.messageSubmit({ payload: { type: 2, index, data } }));
    }
    const found = await client.messagesFind('find me');
    expect(found).toMatchObject({ index, maxResults: 1000, count: 3 });
    expect(found.messageIds).toEqual(ids.toReversed());
    expect((await client.messagesFind('unheard of')).count).toBe(0);
  });

  it('sends and retrieves data by its high-level calls', async () => {
    const data = Converter.utf8ToBytes('hello from the high level');
    const { messageId } = await sendData(client, 'high level', data);
    const retrieved = await retrieveData(client, messageId);
    expect(Converter.bytesToUtf8(retrieved?.index ?? new Uint8Array())).toBe('high level');
    expect(retrieved?.data).toEqual(data);
  });

  it('gets a clean error with the status as its code', async () => {
    await expect(client.message('ab'.repeat(32))).rejects.toMatchObject({ httpStatus: 404 });
    await expect(
      client.messageSubmit({ parentMessageIds: ['ab'.repeat(32)], payload: indexation('x') }),
    ).rejects.toMatchObject({ httpStatus: 400, code: '400' });
  });

  it('mines at the score of the public networks', async () => {
    await using otherFolder = await aFolder();
    await using strict = await NodeProcess.start({
      dataDir: otherFolder.path,
      settings: { 'network.min-pow-score': 4000 },
    });
    const strictClient = new SingleNodeClient(strict.url);
    const id = await strictClient.messageSubmit({ payload: { type: 2, index: '00', data: '' } });
    expect(idOf(await strictClient.message(id))).toBe(id);
  });
});
