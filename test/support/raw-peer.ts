// A peer made of libp2p alone: writes whatever bytes a test wants, and reads or does not read.
import { setTimeout } from 'node:timers/promises';
import type { Connection, Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';

let openedCount = 0;

export interface RawPeerWish {
  /** What it says of itself to whoever is connected. */
  readonly userAgent?: string;
  /** Addresses that it claims to have. */
  readonly announce?: readonly string[];
}

export class RawPeer implements AsyncDisposable {
  readonly libp2p: Libp2p;
  readonly #muxers: readonly StreamMuxer[];

  private constructor(libp2p: Libp2p, muxers: readonly StreamMuxer[]) {
    this.libp2p = libp2p;
    this.#muxers = muxers;
  }

  /** Each comes from an address block of its own, as peers of the wide world do. */
  static async open({ userAgent, announce = [] }: RawPeerWish = {}): Promise<RawPeer> {
    openedCount += 1;
    // Handed on to net.connect as it is, though the type does not know it.
    const dialOpts: object = { localAddress: `127.0.${openedCount}.1` };
    const muxers: StreamMuxer[] = [];
    const libp2p = await createLibp2p({
      addresses: { announce: [...announce] },
      transports: [tcp({ dialOpts })],
      connectionEncrypters: [noise()],
      streamMuxers: [() => tellingOf(yamux()(), muxers)],
      services: { identify: identify() },
      ...(userAgent === undefined ? {} : { nodeInfo: { userAgent } }),
    });
    return new RawPeer(libp2p, muxers);
  }

  get peerId(): string {
    return this.libp2p.peerId.toString();
  }

  /** The connection that there is, or another one if it is to be. */
  dial(address: string, { isAnother = false } = {}): Promise<Connection> {
    return this.libp2p.dial(multiaddr(address), { force: isAnother });
  }

  /** Opens a gossip stream as a node of any make does. */
  async connect(address: string, networkId: bigint): Promise<RawStream> {
    return this.openStream(address, `/iota-gossip/${networkId}/1.0.0`);
  }

  async openStream(address: string, protocol: string): Promise<RawStream> {
    const connection = await this.dial(address);
    return new RawStream(await connection.newStream(protocol));
  }

  /** A stream on the newest connection that asks for no protocol. */
  async openHalf(): Promise<void> {
    await this.#muxers.at(-1)?.createStream();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.libp2p.stop();
  }
}

function tellingOf(factory: StreamMuxerFactory, muxers: StreamMuxer[]): StreamMuxerFactory {
  return {
    protocol: factory.protocol,
    createStreamMuxer: (connection) => {
      const muxer = factory.createStreamMuxer(connection);
      muxers.push(muxer);
      return muxer;
    },
  };
}

export class RawStream {
  readonly stream: Stream;
  /** Resolves when the other side is gone. */
  readonly closed: Promise<void>;
  receivedBytes = 0;
  /** What came, as far as it is asked for. */
  readonly chunks: Uint8Array[] = [];

  constructor(stream: Stream) {
    this.stream = stream;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    stream.addEventListener('close', () => resolve());
    if (stream.status !== 'open') resolve();
    stream.addEventListener('message', ({ data }) => {
      this.receivedBytes += data.byteLength;
      this.chunks.push(data.subarray());
    });
  }

  get isOpen(): boolean {
    return this.stream.status === 'open';
  }

  /** Writes as fast as the other side takes it. False when the stream has ended. */
  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      this.stream.send(bytes);
      while (this.isOpen && this.stream.writeBufferLength > 0) await setTimeout(1);
    } catch {
      return false;
    }
    return this.isOpen;
  }

  /** Reads no more; the window of the other side fills up. */
  stopReading(): void {
    this.stream.pause();
  }
}

/** A frame with any type and any length, whatever its body is. */
export function rawFrame(type: number, body: Uint8Array, declaredBytes = body.length): Uint8Array {
  const header = Buffer.alloc(3);
  header.writeUInt8(type, 0);
  header.writeUInt16LE(declaredBytes, 1);
  return Buffer.concat([header, body]);
}

/** A heartbeat of a node without milestones. */
export const rawHeartbeat: Uint8Array = rawFrame(4, new Uint8Array(14));
