// One process of the gossip bench: sends or receives messages, over gossip without a store, or over a bare
// libp2p stream with the least that a protocol needs. Told what to do by its parent, and answers with numbers.
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { multiaddr } from '@multiformats/multiaddr';
import type { Stream } from '@libp2p/interface';
import { systemClock } from '../src/clock.ts';
import { openGossip } from '../src/gossip/gossip.ts';
import type { Gossip } from '../src/gossip/gossip.ts';
import type { SolidMessage } from '../src/gossip/streams.ts';
import { openHost } from '../src/gossip/host.ts';
import type { Host } from '../src/gossip/host.ts';
import { silentLogger } from '../src/log.ts';
import { blake2b256 } from '../src/protocol/hash.ts';
import { asMessageId, genesisId, messageIdOf } from '../src/protocol/ids.ts';
import { readMessages } from './messages.ts';

export interface PeerTask {
  readonly role: 'bare-in' | 'bare-out' | 'gossip-in' | 'gossip-out' | 'gossip-flood' | 'slow-in';
  readonly dataDir: string;
  /** As decimal text. */
  readonly networkId: string;
  readonly count: number;
  readonly sizeBytes: number;
  /** Whose stream is let in. */
  readonly neighbours: readonly string[];
  /** Real messages to send, instead of made-up ones. */
  readonly file?: string;
}

/** What a parent says: where to connect to. */
export interface Go {
  readonly address: string;
}

export type Told =
  | { readonly kind: 'ready'; readonly address: string; readonly peerId: string }
  | { readonly kind: 'done'; readonly report: PeerReport };

export interface PeerReport {
  readonly count: number;
  /** Between the first and the last message. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly grownRssBytes: number;
  /** Of one who sends: what its sockets wrote meanwhile, noise and yamux included. */
  readonly wireBytes: number;
  /** Of one who sends: the most that waited in its queue, and what found no room there. */
  readonly mostQueuedBytes: number;
  readonly droppedCount: number;
}

/** So that what is sent is bound by the other side and not by this one's queue. */
const highWaterBytes = 512 * 1024;
/** As many as the door takes in together. */
const forwardedTogether = 64;
const slowReadMs = 200;
const bareProtocol = '/midge/bench/1.0.0';
const batchBytes = 16 * 1024;
const headerBytes = 3;

const sockets: Socket[] = [];
subscribe('net.client.socket', (message) => {
  sockets.push((message as { readonly socket: Socket }).socket);
});
const wireBytes = (): number => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);

const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;

class Meter {
  readonly #startMs = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #wireBytes = wireBytes();
  readonly #peakRssBytes = peakRssBytes();
  mostQueuedBytes = 0;

  report(count: number, droppedCount = 0): PeerReport {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      count,
      seconds: (performance.now() - this.#startMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakRssBytes: peakRssBytes(),
      grownRssBytes: peakRssBytes() - this.#peakRssBytes,
      wireBytes: wireBytes() - this.#wireBytes,
      mostQueuedBytes: this.mostQueuedBytes,
      droppedCount,
    };
  }
}

const tell = (told: Told): void => void process.send?.(told);

/** Begins with the first message and tells when the last has come. */
class Counter {
  readonly #wanted: number;
  #count = 0;
  #meter: Meter | undefined;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  add(): void {
    this.#meter ??= new Meter();
    this.#count += 1;
    if (this.#count === this.#wanted) {
      tell({ kind: 'done', report: this.#meter.report(this.#count) });
    }
  }
}

/** Unlike each other, so that a memory of what was seen has something to remember. */
function madeUp(sizeBytes: number, number: number): SolidMessage {
  const bytes = new Uint8Array(sizeBytes).fill(7);
  new DataView(bytes.buffer).setUint32(8, number);
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, number);
  return { id: asMessageId(id), bytes };
}

function* messagesOf(task: PeerTask): Generator<SolidMessage, void, undefined> {
  const { file, count, sizeBytes } = task;
  if (file === undefined) {
    for (let number = 0; number < count; number++) yield madeUp(sizeBytes, number);
  } else {
    for (const bytes of readMessages(file)) yield { id: messageIdOf(bytes), bytes };
  }
}

function* chunksOf(task: PeerTask): Generator<readonly SolidMessage[], void, undefined> {
  let chunk: SolidMessage[] = [];
  for (const message of messagesOf(task)) {
    chunk.push(message);
    if (chunk.length < forwardedTogether) continue;
    yield chunk;
    chunk = [];
  }
  yield chunk;
}

// ---- a bare stream: what can be had at best ----

function receiveBare(host: Host, counter: Counter): Promise<void> {
  return host.libp2p.handle(bareProtocol, (stream) => {
    let rest: Uint8Array = new Uint8Array();
    stream.addEventListener('message', ({ data }) => {
      const bytes = rest.length === 0 ? data.subarray() : Buffer.concat([rest, data.subarray()]);
      let at = 0;
      while (at + headerBytes <= bytes.length) {
        const end = at + headerBytes + ((bytes[at + 1] ?? 0) | ((bytes[at + 2] ?? 0) << 8));
        if (end > bytes.length) break;
        blake2b256(bytes.subarray(at + headerBytes, end));
        counter.add();
        at = end;
      }
      rest = bytes.subarray(at);
    });
  });
}

async function sendBare(host: Host, task: PeerTask, { address }: Go): Promise<PeerReport> {
  const connection = await host.libp2p.dial(multiaddr(address));
  const stream = await connection.newStream(bareProtocol);
  const meter = new Meter();
  let batch = Buffer.allocUnsafe(2 * batchBytes);
  let filled = 0;
  for (const { bytes } of messagesOf(task)) {
    batch[filled] = 2;
    batch.writeUInt16LE(bytes.length, filled + 1);
    batch.set(bytes, filled + headerBytes);
    filled += headerBytes + bytes.length;
    if (filled < batchBytes) continue;
    await sendAll(stream, batch.subarray(0, filled));
    batch = Buffer.allocUnsafe(2 * batchBytes);
    filled = 0;
  }
  await sendAll(stream, batch.subarray(0, filled));
  await finish();
  return meter.report(task.count);
}

async function sendAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  if (bytes.length > 0) stream.send(bytes);
  // What `send` and `drain` say does not bound the buffer.
  while (stream.writeBufferLength > 4 * batchBytes) {
    await stream.onDrain();
    await setImmediate();
  }
}

// ---- gossip without a store ----

function openPeerGossip(host: Host, task: PeerTask, onMessage: () => void): Promise<Gossip> {
  const { dataDir, networkId, neighbours } = task;
  return openGossip(
    {
      networkId: BigInt(networkId),
      dataDir,
      neighbours,
      admission: { maxUnknown: 4, maxUnknownPerBlock: 4 },
      // The wire is measured here, not the limit.
      maxBytesPerSecond: 1024 ** 3,
      tickIntervalMs: 100,
    },
    {
      host,
      clock: systemClock,
      log: silentLogger,
      submit: () => {
        onMessage();
        return Promise.resolve({ kind: 'accepted', id: genesisId });
      },
      readMessage: () => undefined,
    },
  );
}

interface Sending {
  /** Sends as fast as it can, whether or not there is room. */
  readonly isFlooding: boolean;
}

async function sendGossip(
  gossip: Gossip,
  task: PeerTask,
  { isFlooding }: Sending,
): Promise<PeerReport> {
  const meter = new Meter();
  for (const messages of chunksOf(task)) {
    // Nothing may be dropped, or catch-up would be measured.
    if (!isFlooding) await untilThereIsRoom(gossip);
    gossip.forward(messages);
    meter.mostQueuedBytes = Math.max(meter.mostQueuedBytes, gossip.queuedBytes);
    if (isFlooding) await setTimeout(1);
  }
  if (!isFlooding) await finish();
  return meter.report(task.count, gossip.totals().droppedPackets);
}

async function untilThereIsRoom(gossip: Gossip): Promise<void> {
  while (gossip.queuedBytes > highWaterBytes) await setTimeout(1);
}

/** Reads a little, a few times a second, as a neighbour on a bad line does. */
function receiveSlowly(host: Host, { networkId }: PeerTask): Promise<void> {
  return host.libp2p.handle(`/iota-gossip/${networkId}/1.0.0`, (stream) => {
    stream.addEventListener('message', () => {
      void setImmediate().then(() => stream.pause());
      setTimeout(slowReadMs).then(
        () => stream.readStatus === 'paused' && stream.resume(),
        () => undefined,
      );
    });
  });
}

// ---- what the parent says and hears ----

async function goal(): Promise<Go> {
  const [message] = (await once(process, 'message')) as [Go];
  return message;
}

/** All has arrived: what it took is complete. */
async function finish(): Promise<void> {
  await once(process, 'message');
}

async function connect(gossip: Gossip, { address }: Go): Promise<void> {
  await gossip.addNeighbour(address);
  while (gossip.hasConfiguredNeighbour !== true) await setTimeout(5);
}

async function send(host: Host, task: PeerTask): Promise<PeerReport> {
  if (task.role === 'bare-out') return sendBare(host, task, await goal());
  const gossip = await openPeerGossip(host, task, () => undefined);
  await connect(gossip, await goal());
  return sendGossip(gossip, task, { isFlooding: task.role === 'gossip-flood' });
}

/** Goes on until its parent ends it. */
async function run(task: PeerTask): Promise<void> {
  const host = await openHost({ dataDir: task.dataDir, bind: ['/ip4/127.0.0.1/tcp/0'] });
  const counter = new Counter(task.count);
  if (task.role === 'bare-in') await receiveBare(host, counter);
  if (task.role === 'slow-in') await receiveSlowly(host, task);
  if (task.role === 'gossip-in') await openPeerGossip(host, task, () => counter.add());
  tell({ kind: 'ready', address: host.addresses[0] ?? '', peerId: host.peerId });
  if (!task.role.endsWith('-in')) tell({ kind: 'done', report: await send(host, task) });
}

await run(JSON.parse(process.argv[2] ?? '') as PeerTask);
