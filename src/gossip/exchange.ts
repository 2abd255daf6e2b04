// Peer exchange between nodes of Midge: whoever opens a stream of `/midge/peers/<network id>/1.0.0` and sends a line
// is sent a few addresses, one a line, and the stream ends. The one who asks decides what to make of them.
import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { maxAddressBytes, parsePeerAddress } from './candidates.ts';
import type { PeerAddress } from './candidates.ts';

/** Told at a time. */
export const maxTold = 16;
const maxToldEach = 2;
const maxAnswerBytes = maxTold * (maxAddressBytes + 1);
const timeoutMs = 10_000;
const maxStreams = 2;

export function exchangeProtocol(networkId: bigint): string {
  return `/midge/peers/${networkId}/1.0.0`;
}

export interface ExchangeDeps {
  readonly libp2p: Pick<Libp2p, 'getConnections' | 'handle'>;
  /** What a peer at that address is told, the best first. */
  readonly tell: (asker: { peerId: string; address: Multiaddr }) => readonly Multiaddr[];
  /** Whether a peer may ask now. */
  readonly mayAsk: (peerId: string) => boolean;
}

/** Answers whoever asks. */
export async function serveExchange(networkId: bigint, deps: ExchangeDeps): Promise<void> {
  const { libp2p, tell, mayAsk } = deps;
  await libp2p.handle(
    exchangeProtocol(networkId),
    (stream, { remotePeer, remoteAddr }) => {
      const peerId = remotePeer.toString();
      const answer = (): void => {
        const told = mayAsk(peerId) ? tell({ peerId, address: remoteAddr }).slice(0, maxTold) : [];
        stream.send(Buffer.from(told.map((address) => `${address.toString()}\n`).join('')));
        void closeOrAbort(stream);
      };
      const tooSlow = AbortSignal.timeout(timeoutMs);
      tooSlow.addEventListener('abort', () => stream.abort(new Error('Nothing was asked.')));
      stream.addEventListener('message', answer, { once: true });
    },
    { maxInboundStreams: maxStreams, maxOutboundStreams: maxStreams },
  );
}

async function closeOrAbort(stream: Stream): Promise<void> {
  try {
    await stream.close({ signal: AbortSignal.timeout(timeoutMs) });
  } catch {
    stream.abort(new Error('Not closed.'));
  }
}

/** What a connected peer tells. Throws when it speaks no exchange, is slow, or sends too much. */
export async function askForPeers(
  libp2p: Pick<Libp2p, 'getConnections'>,
  peerId: string,
  networkId: bigint,
): Promise<readonly Multiaddr[]> {
  const [connection] = libp2p.getConnections(peerIdFromString(peerId));
  if (connection === undefined) throw new Error('The peer is not connected.');
  const signal = AbortSignal.timeout(timeoutMs);
  const stream = await connection.newStream(exchangeProtocol(networkId), {
    signal,
    maxOutboundStreams: maxStreams,
  });
  const told = readToEnd(stream, signal);
  stream.send(Buffer.from('\n'));
  const text = await told;
  return text
    .split('\n')
    .slice(0, maxTold)
    .flatMap((line) => parsePeerAddress(line) ?? []);
}

async function readToEnd(stream: Stream, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const fail = (why: string): void => {
    const error = new Error(why);
    reject(error);
    stream.abort(error);
  };
  stream.addEventListener('message', ({ data }) => {
    sizeBytes += data.byteLength;
    if (sizeBytes > maxAnswerBytes) fail('More was told than was asked for.');
    else chunks.push(data.subarray());
  });
  const end = (): void => resolve(Buffer.concat(chunks).toString('latin1'));
  stream.addEventListener('remoteCloseWrite', end);
  stream.addEventListener('close', end);
  signal.addEventListener('abort', () => fail('The peer was too slow.'), { once: true });
  try {
    return await promise;
  } finally {
    await closeOrAbort(stream);
  }
}

/** Of the connected peers those that take part in exchange, so that they want to be found, where they can be dialled. */
export async function dialablePeers(
  libp2p: Pick<Libp2p, 'getConnections' | 'peerStore'>,
  peerIds: readonly string[],
  networkId: bigint,
): Promise<readonly PeerAddress[]> {
  const protocol = exchangeProtocol(networkId);
  const found = peerIds.map(async (text): Promise<readonly PeerAddress[]> => {
    const peerId = peerIdFromString(text);
    const peer = await libp2p.peerStore.get(peerId).catch(() => undefined);
    if (peer?.protocols.includes(protocol) !== true) return [];
    const dialled = libp2p
      .getConnections(peerId)
      .filter(({ direction }) => direction === 'outbound')
      .map(({ remoteAddr }) => remoteAddr);
    // Who dialled us says by itself where it listens.
    const said = peer.addresses.map(({ multiaddr }) => multiaddr.encapsulate(`/p2p/${text}`));
    return [...dialled, ...said]
      .slice(0, maxToldEach)
      .map((address) => ({ peerId: text, address }));
  });
  return (await Promise.all(found)).flat();
}
