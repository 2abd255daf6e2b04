// Catch-up over libp2p streams, its cursors in a file of the data folder.
import { join } from 'node:path';
import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Libp2p } from 'libp2p';
import { CatchUp } from './catch-up.ts';
import type { CatchUpDeps } from './catch-up.ts';
import { Cursors } from './cursors.ts';
import { readIfThere, replaceFile } from '../files.ts';
import { StreamChannel } from './sync-channel.ts';
import { maxAnswerBytes } from './sync-frames.ts';

/** A follower asks for one page ahead: the one it reads and the next. */
const maxUnreadAnswers = 2 * maxAnswerBytes;
const maxUnreadQuestions = 256;
const maxStreams = 2;
const openTimeoutMs = 10_000;

export interface SyncOptions {
  readonly networkId: bigint;
  readonly dataDir: string;
}

export type SyncDeps = Omit<CatchUpDeps, 'openChannel' | 'cursors'> & {
  readonly libp2p: Pick<Libp2p, 'getConnections' | 'handle'>;
};

export function syncProtocol(networkId: bigint): string {
  return `/midge/sync/${networkId}/1.0.0`;
}

/** Serves when it returns, and follows whoever it is told to follow. */
export async function openCatchUp(options: SyncOptions, deps: SyncDeps): Promise<CatchUp> {
  const { libp2p, store } = deps;
  const protocol = syncProtocol(options.networkId);
  const path = join(options.dataDir, 'cursors.json');
  const file = {
    read: async () => (await readIfThere(path))?.toString(),
    replace: (text: string) => replaceFile(path, text),
  };
  const catchUp = new CatchUp({
    ...deps,
    cursors: await Cursors.open(file, store),
    openChannel: async (peerId) => {
      const stream = await openStream(libp2p, peerId, protocol);
      return stream === undefined ? undefined : new StreamChannel(stream, maxUnreadAnswers);
    },
  });
  await libp2p.handle(
    protocol,
    (stream, { remotePeer }) =>
      catchUp.accept(remotePeer.toString(), new StreamChannel(stream, maxUnreadQuestions)),
    { maxInboundStreams: maxStreams, maxOutboundStreams: maxStreams },
  );
  return catchUp;
}

/** Over the connection that there is: catch-up dials nobody. Undefined when it is of another make. */
async function openStream(
  libp2p: SyncDeps['libp2p'],
  peerId: string,
  protocol: string,
): Promise<Stream | undefined> {
  const [connection] = libp2p.getConnections(peerIdFromString(peerId));
  if (connection === undefined) return undefined;
  try {
    const signal = AbortSignal.timeout(openTimeoutMs);
    return await connection.newStream(protocol, { signal, maxOutboundStreams: maxStreams });
  } catch (error) {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') return undefined;
    throw error;
  }
}
