// The bounds of the broker, with pairs of streams in the place of sockets and packets written by hand.
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { MqttBroker, maxSubscriptions } from '../../../src/api/mqtt/broker.ts';
import type { MqttDeps } from '../../../src/api/mqtt/broker.ts';
import { TangleError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/log.ts';
import { decodeMessage } from '../../../src/protocol/codec.ts';
import { SolidFeed } from '../../../src/tangle/events.ts';
import type { SolidMessage } from '../../../src/tangle/events.ts';
import { aMessage } from '../../support/messages.ts';

const limits = { maxClients: 100, maxSubscriptionsPerClient: 512 };

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function packet(type: number, body: Buffer): Buffer {
  const length = [];
  for (let rest = body.length; rest > 0 || length.length === 0; rest >>= 7) {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  }
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}

function connectPacket(clientId: string, password?: string): Buffer {
  const flags = password === undefined ? 0x02 : 0xc2;
  const secret = password === undefined ? [] : [text('x'), text(password)];
  return packet(
    0x10,
    Buffer.concat([text('MQTT'), Buffer.from([4, flags, 0, 0]), text(clientId), ...secret]),
  );
}

const subscribePacket = (topics: readonly string[]): Buffer =>
  packet(
    0x82,
    Buffer.concat([
      Buffer.from([0, 1]),
      ...topics.map((topic) => Buffer.concat([text(topic), Buffer.from([0])])),
    ]),
  );

const someTopics = (from: number, count: number): string[] =>
  Array.from(
    { length: count },
    (_, n) => `messages/indexation/${(from + n).toString(16).padStart(8, '0')}`,
  );

async function openBroker(deps: Partial<MqttDeps> = {}) {
  const feed = new SolidFeed();
  const broker = await MqttBroker.open(limits, {
    feed,
    store: { get: () => undefined },
    access: { grantOf: () => Promise.resolve(undefined), publicScopes: ['read'] },
    log: silentLogger,
    ...deps,
  });
  return { feed, broker, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() };
}

const cutOffsOf = (broker: MqttBroker) =>
  [...broker.status().cutOffs].filter(([, count]) => count > 0);

/** Two ends of a line to the broker; the client's reads only when it is told. */
async function dial(broker: MqttBroker, clientId: string, password?: string): Promise<Duplex> {
  const [client, server] = duplexPair();
  client.on('error', () => undefined);
  broker.serve(server);
  client.write(connectPacket(clientId, password));
  await once(client, 'readable');
  return client;
}

const damaged = (): never => {
  throw new TangleError('STORE_RECORD_DAMAGED');
};

const accepted = Buffer.from([0x20, 2, 0, 0]);

function aSolid(dataBytes: number): SolidMessage {
  const { id, bytes } = aMessage({ data: Buffer.alloc(dataBytes, 7) });
  return { id, bytes, message: decodeMessage(bytes) };
}

describe('the broker', () => {
  it('cuts off who does not read, while others hear everything', async () => {
    await using open = await openBroker();
    const { broker, feed } = open;
    const slow = await dial(broker, 'slow');
    const fast = await dial(broker, 'fast');
    for (const client of [slow, fast]) client.write(subscribePacket(['messages']));
    const message = aSolid(30_000);
    const count = 100;
    let heardBytes = 0;
    const heardAll = Promise.withResolvers<void>();
    fast.on('data', (chunk: Buffer) => {
      heardBytes += chunk.length;
      if (heardBytes > count * message.bytes.length) heardAll.resolve();
    });
    while (broker.status().subscriptions < 2) await new Promise(setImmediate);
    feed.publish(Array.from({ length: count }, () => message));
    await heardAll.promise;
    expect(broker.status()).toMatchObject({ clients: 1, subscriptions: 1, skippedMessages: 0 });
    expect(cutOffsOf(broker)).toEqual([['slow', 1]]);
    expect(fast.destroyed).toBe(false);
  });

  it('skips and counts what comes faster than it can tell', async () => {
    await using open = await openBroker();
    const message = aSolid(100);
    open.feed.publish(Array.from({ length: 5_000 }, () => message));
    expect(open.broker.status().skippedMessages).toBe(5_000 - 4_096);
  });

  it('cuts off the client with one subscription too many', async () => {
    await using open = await openBroker();
    const client = await dial(open.broker, 'greedy');
    client.resume();
    client.write(subscribePacket(someTopics(0, limits.maxSubscriptionsPerClient)));
    while (open.broker.status().subscriptions < 512) await new Promise(setImmediate);
    // One that it has already is none more.
    client.write(subscribePacket(someTopics(0, 1)));
    const ended = once(client, 'end');
    client.write(subscribePacket(someTopics(512, 1)));
    await ended;
    expect(open.broker.status()).toMatchObject({ clients: 0, subscriptions: 0 });
    expect(cutOffsOf(open.broker)).toEqual([['subscriptions', 1]]);
  });

  it('has a bound for all clients together', async () => {
    await using open = await openBroker();
    const perClient = limits.maxSubscriptionsPerClient;
    const clients = maxSubscriptions / perClient;
    for (let n = 0; n < clients; n++) {
      const client = await dial(open.broker, `client ${n}`);
      client.resume();
      client.write(subscribePacket(someTopics(n * perClient, perClient)));
    }
    while (open.broker.status().subscriptions < maxSubscriptions) await new Promise(setImmediate);
    const late = await dial(open.broker, 'late');
    const ended = once(late.resume(), 'end');
    late.write(subscribePacket(['messages']));
    await ended;
    expect(open.broker.status().subscriptions).toBe(maxSubscriptions);
  });

  it('refuses a client id of which it would have to keep much', async () => {
    await using open = await openBroker();
    const [client, server] = duplexPair();
    open.broker.serve(server);
    const ended = once(client.resume(), 'end');
    client.write(connectPacket('x'.repeat(129)));
    await ended;
    expect(cutOffsOf(open.broker)).toEqual([['client_id', 1]]);
  });

  it('outlives a store that cannot read', async () => {
    await using open = await openBroker({ store: { get: damaged } });
    const client = await dial(open.broker, 'asks');
    client.read();
    client.write(subscribePacket([`messages/${'ab'.repeat(32)}/metadata`]));
    await once(client, 'readable');
    expect(client.read()).toEqual(Buffer.from([0x90, 3, 0, 1, 0]));
  });

  it.each([
    ['may read', () => Promise.resolve({ scopes: new Set(['read' as const]) }), 0],
    ['is the owner', () => Promise.resolve({ scopes: new Set(['admin' as const]) }), 0],
    ['is not known', () => Promise.resolve(undefined), 4],
    ['has another scope', () => Promise.resolve({ scopes: new Set(['pow' as const]) }), 5],
    ['cannot be checked', () => Promise.reject(new Error('no disk')), 3],
  ])('answers a token that %s', async (_what, grantOf, code) => {
    await using open = await openBroker({ access: { grantOf, publicScopes: [] } });
    const client = await dial(open.broker, 'guest', 'token');
    expect(client.read()).toEqual(Buffer.from([...accepted.subarray(0, 3), code]));
  });

  it('ends who was let in by the token of its HTTP request, when that is revoked', async () => {
    const known = new Set(['revoked', 'good']);
    const grant = { scopes: new Set(['read' as const]) };
    const grantOf = (token: string) => Promise.resolve(known.has(token) ? grant : undefined);
    const broker = await MqttBroker.open(
      { ...limits, recheckMs: 1 },
      {
        feed: new SolidFeed(),
        store: { get: () => undefined },
        access: { grantOf, publicScopes: [] },
        log: silentLogger,
      },
    );
    await using _ = broker;
    const [revoked, good] = ['revoked', 'good'].map((token) => {
      const [client, server] = duplexPair();
      broker.serve(server, { grant, token });
      client.write(connectPacket(token));
      return client.resume();
    });
    const ended = once(revoked!, 'end');
    await once(revoked!, 'data');
    known.delete('revoked');
    await ended;
    expect(broker.status().clients).toBe(1);
    expect(good!.destroyed).toBe(false);
  });
});
