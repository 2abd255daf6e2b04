// The limits of the wire: what one neighbour may cost. Times are the field's, so that nodes of other
// makes agree on who is gone.
import type { BudgetLimits } from './budget.ts';
import type { InboxLimits } from './inbox.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export const heartbeatIntervalMs = 30_000;
/** Without a heartbeat for so long, a neighbour is gone. */
export const maxSilenceMs = 100_000;
/** With its outbox full for so long, a neighbour does not keep up. */
export const maxStallMs = 30_000;
export const dialTimeoutMs = 10_000;
/** A connection without a stream of ours is of no use to anyone. */
export const maxIdleConnectionMs = 15_000;

/** Both sides may dial at the same time, and once more while a dead connection is not known to be dead. */
export const maxConnectionsPerPeer = 3;

/** A window may not grow beyond what a stream buffers while it is paused, or the stream is aborted. */
export const maxWindowBytes = MiB;
/** Open at a time on one connection, of all protocols; a neighbour needs gossip, catch-up and what libp2p asks. */
export const maxInboundStreams = 64;
/** That one connection may open; an honest neighbour opens some in a minute. */
export const streamOpenings: BudgetLimits = { perSecond: 5, burst: 40 };
/** A connection that has not proved who it is: from one address fewer than may wait in all. */
export const maxHandshakeMs = 5_000;

/** Of the own log, to all that follow it together: a question of 27 bytes earns 256 KiB. */
export const logAnswers: BudgetLimits = { perSecond: 16 * MiB, burst: 16 * MiB };
/** An answer that holds less costs as much as one of this size. */
export const minAnswerBytes = 16 * KiB;

export interface NeighbourLimits {
  readonly inbox: InboxLimits;
  readonly requests: BudgetLimits;
  readonly answerBytes: BudgetLimits;
  readonly outboxBytes: number;
}

/** What a usual message takes on the wire: a flood of small frames is no cheaper than one of messages. */
const usualFrameBytes = 320;

export function neighbourLimits(maxBytesPerSecond: number): NeighbourLimits {
  const framesPerSecond = Math.ceil(maxBytesPerSecond / usualFrameBytes);
  return {
    inbox: {
      bytes: { perSecond: maxBytesPerSecond, burst: maxBytesPerSecond },
      frames: { perSecond: framesPerSecond, burst: framesPerSecond },
      maxInWork: 512,
    },
    requests: { perSecond: 1_000, burst: 2_000 },
    answerBytes: { perSecond: MiB, burst: 2 * MiB },
    outboxBytes: MiB,
  };
}
