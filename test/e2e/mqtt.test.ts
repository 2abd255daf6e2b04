// The field's MQTT client, unchanged, against the real node as it ships; and plain clients where it has no call.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { MqttClient as FieldClient } from '@iota/mqtt.js';
import { connectAsync } from 'mqtt';
import type { IClientOptions, MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageIdHex, messageIdOf } from '../../src/protocol/ids.ts';
import { attach, isAcknowledged, readRaw } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

let folder: Awaited<ReturnType<typeof aFolder>>;
let node: NodeProcess;
beforeAll(async () => {
  folder = await aFolder();
  node = await NodeProcess.start({
    dataDir: folder.path,
    settings: { 'mqtt.bind': '127.0.0.1:0', 'mqtt.max-clients': 12 },
  });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const webSocketUrl = (of = node): string => `${of.url.replace('http', 'ws')}/mqtt`;
const hex = (text: string): string => Buffer.from(text).toString('hex');
const idOf = (raw: Uint8Array): string => messageIdHex(messageIdOf(raw));
const ways: [string, () => string][] = [
  ['TCP', () => node.mqttUrl],
  ['WebSocket', () => webSocketUrl()],
];

let sentCount = 0;

/** Never the same twice: what is stored already, under the same parents, is not told again. */
async function send(index: string, url = node.url): Promise<string> {
  const answer = await attach(url, index, `x${++sentCount}`);
  if (!isAcknowledged(answer)) throw new Error(answer.body);
  return answer.id;
}

/** Fails at once where the field's client would try again. */
async function plain(url: string, options: IClientOptions = {}) {
  const client = await connectAsync(
    url,
    { reconnectPeriod: 0, protocolVersion: 4, ...options },
    false,
  );
  client.on('error', () => undefined);
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.endAsync(true) });
}

/** The first line of the answer to a request for a WebSocket. */
async function upgradeAt(path: string, more: Record<string, string> = {}): Promise<string> {
  const headers = {
    host: 'localhost',
    upgrade: 'websocket',
    connection: 'upgrade',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-version': '13',
    ...more,
  };
  const socket = connectTcp(Number(new URL(node.url).port), '127.0.0.1');
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return first.toString('latin1').split('\r\n')[0] ?? '';
}

/** The types of this client's events are not those of Node. */
const next = (client: MqttClient, event: string): Promise<unknown[]> =>
  once(client as unknown as EventEmitter, event);

/** Collects what one subscription of the field's client tells. */
class Told<T> {
  readonly values: T[] = [];
  readonly add = (_topic: string, value: T): void => {
    this.values.push(value);
    this.#wake();
  };
  #wake: () => void = () => undefined;

  async first(count: number): Promise<T[]> {
    while (this.values.length < count) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.values.slice(0, count);
  }
}

async function fieldClient(url: string, subscribe: (client: FieldClient) => void) {
  const client = new FieldClient(url);
  const connected = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  client.statusChanged(({ type, error }) => {
    if (type === 'connect') connected.resolve();
    if (error !== undefined) errors.push(error);
  });
  subscribe(client);
  await connected.promise;
  return { client, errors, [Symbol.dispose]: () => client.mqttDisconnect() };
}

describe('the MQTT client of the field', () => {
  it.each(ways)('hears of messages over %s', async (_way, urlOf) => {
    const told = new Told<Uint8Array>();
    const indexed = new Told<unknown>();
    const metadata = new Told<{ messageId: string; isSolid: boolean }>();
    const silent = new Told<unknown>();
    const stored = await send('before');
    using field = await fieldClient(urlOf(), (client) => {
      client.messagesRaw(told.add);
      client.index('greetings', indexed.add);
      client.messageMetadata(stored, metadata.add);
      client.milestonesLatest(silent.add);
      client.milestonesConfirmed(silent.add);
      client.messagesMetadata(silent.add);
      client.addressOutputs('atoi1qq', silent.add);
      client.output('ab'.repeat(34), silent.add);
      client.transactionIncludedMessageRaw('ab'.repeat(32), silent.add);
    });
    // What is told at the subscription says that the subscriptions are in force.
    expect(await metadata.first(1)).toMatchObject([{ messageId: stored, isSolid: true }]);
    const greeting = await send('greetings');
    const other = await send('other');
    const raws = await told.first(2);
    expect(raws.map(idOf)).toEqual([greeting, other]);
    expect(Buffer.from(raws[0]!)).toEqual(Buffer.from((await readRaw(node.url, greeting))!));
    expect(await indexed.first(1)).toMatchObject([{ payload: { index: hex('greetings') } }]);
    expect(indexed.values).toHaveLength(1);
    expect(metadata.values).toHaveLength(1);
    expect(silent.values).toEqual([]);
    expect(field.errors).toEqual([]);
  });
});

describe('MQTT', () => {
  it.each(ways)('takes wildcards over %s', async (_way, urlOf) => {
    await using client = await plain(urlOf());
    const granted = await client.subscribeAsync(['#', 'messages/+/metadata', 'messages/#']);
    expect(granted.map(({ qos }) => qos)).toEqual([0, 0, 0]);
    const topics: string[] = [];
    const three = Promise.withResolvers<void>();
    client.on('message', (topic) => topics.push(topic) === 3 && three.resolve());
    const id = await send('wild');
    await three.promise;
    expect(topics.toSorted()).toEqual(
      ['messages', `messages/${id}/metadata`, `messages/indexation/${hex('wild')}`].toSorted(),
    );
  });

  it('tells of nothing any more after an unsubscribe', async () => {
    await using client = await plain(node.mqttUrl);
    await client.subscribeAsync(['messages', `messages/indexation/${hex('kept')}`]);
    await client.unsubscribeAsync('messages');
    const told = next(client, 'message');
    await send('not kept');
    await send('kept');
    expect((await told)[0]).toBe(`messages/indexation/${hex('kept')}`);
  });

  it('refuses filters that nothing can match, and goes on', async () => {
    await using client = await plain(node.mqttUrl);
    const refused = client.subscribeAsync(['message', '$SYS/#', 'messages/xyz/metadata']);
    await expect(refused).rejects.toThrow(/Unspecified error|128/);
    expect(await client.subscribeAsync('messages')).toMatchObject([{ qos: 0 }]);
  });

  it('cuts off who publishes', async () => {
    await using client = await plain(node.mqttUrl);
    const closed = next(client, 'close');
    client.publish('messages', 'mine');
    await closed;
    expect(client.connected).toBe(false);
  });

  it('keeps nothing of a client that leaves', async () => {
    const options = { clean: false, clientId: 'comes-again' };
    const will = { topic: 'messages', payload: Buffer.from('last words'), retain: true } as const;
    await using witness = await plain(node.mqttUrl);
    await witness.subscribeAsync('messages');
    const heard: string[] = [];
    witness.on('message', (_topic, payload) => heard.push(idOf(payload)));
    const first = await plain(node.mqttUrl, { ...options, will });
    await first.subscribeAsync('messages', { qos: 1 });
    first.stream.destroy();
    await next(first, 'close');
    const id = await send('while away');
    const again: MqttClient = await plain(node.mqttUrl, options);
    const missed: string[] = [];
    again.on('message', (topic) => missed.push(topic));
    await again.subscribeAsync(`messages/indexation/${hex('now')}`);
    const now = next(again, 'message');
    const last = await send('now');
    await now;
    expect(missed).toEqual([`messages/indexation/${hex('now')}`]);
    while (!heard.includes(last)) await next(witness, 'message');
    expect(heard).toEqual([id, last]);
    await again.endAsync(true);
  });

  it('ends its connections and their clients when the node stops', async () => {
    await using otherFolder = await aFolder();
    await using other = await NodeProcess.start({
      dataDir: otherFolder.path,
      settings: { 'mqtt.bind': '127.0.0.1:0' },
    });
    const clients = await Promise.all([plain(other.mqttUrl), plain(webSocketUrl(other))]);
    const silent = connectTcp(Number(new URL(other.mqttUrl).port), '127.0.0.1');
    await once(silent, 'connect');
    const ended = [...clients.map((client) => next(client, 'close')), once(silent, 'close')];
    silent.resume();
    expect(await other.stop()).toBe(0);
    await Promise.all(ended);
  });
});

describe('the limits of MQTT', () => {
  it('leave no room for one client more, and room again when one leaves', async () => {
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, n) => plain(n % 2 === 0 ? node.mqttUrl : webSocketUrl())),
    );
    await expect(plain(node.mqttUrl)).rejects.toThrow(/connect|closed|ECONNRESET/i);
    expect(await upgradeAt('/mqtt')).toBe('HTTP/1.1 503 Service Unavailable');
    await Promise.all(clients.map((client) => client.endAsync(true)));
    let again: MqttClient | undefined;
    while (again === undefined) again = await plain(node.mqttUrl).catch(() => undefined);
    await again.endAsync(true);
  });

  it('end who subscribes without end', async () => {
    await using client = await plain(node.mqttUrl);
    // Cut off while it still writes, so its socket may tell of an error first, at which "once" gives up.
    const closed = new Promise<void>((resolve) => client.on('close', resolve));
    for (let n = 0; n < 20; n++) {
      const topics = Array.from(
        { length: 100 },
        (_, k) => `messages/indexation/${hex(`${n}.${k}`)}`,
      );
      client.subscribe(topics, () => undefined);
    }
    await closed;
    expect(client.connected).toBe(false);
  });
});

describe('who may listen', () => {
  it('is who may read: by the password, the name, or the header of the WebSocket', async () => {
    await using otherFolder = await aFolder();
    await using closed = await NodeProcess.start({
      dataDir: otherFolder.path,
      settings: { 'mqtt.bind': '127.0.0.1:0', 'api.public-scopes': 'attach' },
    });
    const token = (await readFile(join(otherFolder.path, 'api.token'), 'utf8')).trim();
    await expect(plain(closed.mqttUrl)).rejects.toThrow('Not authorized');
    await expect(plain(webSocketUrl(closed))).rejects.toThrow('Not authorized');
    await expect(plain(closed.mqttUrl, { password: 'wrong', username: 'x' })).rejects.toThrow(
      'Bad username or password',
    );
    const headers = { authorization: `Bearer ${token}` };
    const clients = await Promise.all([
      plain(closed.mqttUrl, { username: 'x', password: token }),
      plain(closed.mqttUrl, { username: token }),
      plain(webSocketUrl(closed), { username: 'x', password: token }),
      plain(webSocketUrl(closed), { wsOptions: { headers } }),
    ]);
    expect(clients.map(({ connected }) => connected)).toEqual([true, true, true, true]);
    await Promise.all(clients.map((client) => client.endAsync(true)));
  });
});

describe('the route of MQTT', () => {
  it('tells who comes without an upgrade what it is for', async () => {
    const response = await fetch(`${node.url}/mqtt`);
    expect(response.status).toBe(426);
    expect(await response.json()).toMatchObject({ error: { reason: 'upgrade_required' } });
  });

  it('is the only one that upgrades; others answer as ever', async () => {
    expect(await upgradeAt('/mqtt')).toBe('HTTP/1.1 101 Switching Protocols');
    expect(await upgradeAt('/api/v1/info')).toBe('HTTP/1.1 200 OK');
    expect(await upgradeAt('/nowhere')).toBe('HTTP/1.1 404 Not Found');
    expect(await upgradeAt('/api/v1/peers')).toBe('HTTP/1.1 401 Unauthorized');
    expect(await upgradeAt('/mqtt', { host: 'evil.example' })).toBe('HTTP/1.1 403 Forbidden');
    expect(await upgradeAt('/mqtt', { 'sec-websocket-key': 'x' })).toBe('HTTP/1.1 400 Bad Request');
    expect(await upgradeAt('/api/v1/info', { upgrade: 'h2c' })).toBe('HTTP/1.1 200 OK');
  });
});
