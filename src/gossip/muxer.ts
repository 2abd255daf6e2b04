// Yamux with a bound on the streams that the other side opens: so many at a time, and so many a second. Each costs
// a negotiation and an answer, whatever protocol it asks for, before any code of a protocol sees it.
import { yamux } from '@libp2p/yamux';
import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { Budget } from './budget.ts';
import { maxInboundStreams, maxWindowBytes, streamOpenings } from './limits.ts';

/** Who opens streams faster loses the connection. */
export function boundedYamux(clock: Clock): () => StreamMuxerFactory {
  const factory = yamux({
    maxInboundStreams,
    streamOptions: { maxStreamWindowSize: maxWindowBytes },
  })();
  return () => ({
    protocol: factory.protocol,
    createStreamMuxer: (connection) => {
      const muxer = factory.createStreamMuxer(connection);
      // Not before libp2p listens itself, or the first streams would be told to nobody else.
      setImmediate(() => watch(muxer, connection, new Budget(streamOpenings, clock)));
      return muxer;
    },
  });
}

function watch(muxer: StreamMuxer, connection: MessageStream, openings: Budget): void {
  muxer.addEventListener('stream', () => {
    if (!openings.take(1)) connection.abort(new Error('Too many streams were opened.'));
  });
}
