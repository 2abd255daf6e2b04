// Those who wish a node ill, and what a client that behaves sees of it meanwhile. The strangers come from other loopback
// addresses than the client, as they come from other addresses in the world.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { NodeProcess } from './node-process.ts';

const MiB = 1024 * 1024;
/** Over what it took before, at any time, all attacks together. */
export const maxGrowthBytes = 256 * MiB;
/** What may be left of it a while after: malloc keeps some of its pieces. */
export const maxLeftBytes = 80 * MiB;

export class Strangers {
  readonly #sockets = new Set<Socket>();

  /** A connection of a stranger to a port of the node; whatever becomes of it. */
  dial(number: number, port: number): Socket {
    const localAddress = `127.0.1.${number}`;
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    this.#sockets.add(socket);
    return socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
  }

  /** One that stays when the others leave. */
  keep(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  leave(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Until it is open, or will never be. */
export const settled = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));

/** Until the other side has ended it; what it said. */
export async function endOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) =>
    socket.closed ? resolve(undefined) : socket.once('close', resolve),
  );
  return Buffer.concat(chunks).toString('latin1');
}

export interface Watched {
  readonly node: Pick<NodeProcess, 'rssBytes'>;
  /** On a connection of its own, as a newcomer; its status. */
  readonly goodRead: () => Promise<number>;
}

/** What a client that behaves is answered until the attack has ended, and what the node took of memory meanwhile. */
export async function during({ node, goodRead }: Watched, attack: () => Promise<void>) {
  const over = new AbortController();
  const attacking = attack().finally(() => over.abort());
  const statuses: number[] = [];
  let peakBytes = 0;
  do {
    statuses.push(await goodRead());
    peakBytes = Math.max(peakBytes, node.rssBytes);
  } while (!over.signal.aborted);
  await attacking;
  return { statuses: new Set(statuses), peakBytes };
}
