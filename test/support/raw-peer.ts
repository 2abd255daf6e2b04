// A peer made of libp2p alone: writes whatever bytes a test wants, and reads or does not read.
import { setTimeout } from 'node:timers/promises';
import type { Stream } from '@libp2p/interface';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';

let openedCount = 0;

export class RawPeer implements AsyncDisposable {
  readonly libp2p: Libp2p;

  private constructor(libp2p: Libp2p) {
    this.libp2p = libp2p;
  }

  /** Each comes from an address block of its own, as peers of the wide world do. */
  static async open(): Promise<RawPeer> {
    openedCount += 1;
    // Handed on to net.connect as it is, though the type does not know it.
    const dialOpts: object = { localAddress: `127.0.${openedCount}.1` };
    return new RawPeer(
      await createLibp2p({
        transports: [tcp({ dialOpts })],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        services: { identify: identify() },
      }),
    );
  }

  get peerId(): string {
    return this.libp2p.peerId.toString();
  }

  /** Opens a gossip stream as a node of any make does. */
  async connect(address: string, networkId: bigint): Promise<RawStream> {
    const connection = await this.libp2p.dial(multiaddr(address));
    return new RawStream(await connection.newStream(`/iota-gossip/${networkId}/1.0.0`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.libp2p.stop();
  }
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
