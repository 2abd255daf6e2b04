// Ends a conversation of catch-up that gets nowhere.
import type { SetTimer } from '../clock.ts';
import type { SyncChannel } from './sync-channel.ts';

/** A conversation in which so long no page is completed is ended. */
const stallMs = 60_000;

export interface StallWatch {
  /** A page was completed. */
  readonly reset: () => void;
  readonly cancel: () => void;
}

export function watchStall(channel: Pick<SyncChannel, 'abort'>, setTimer: SetTimer): StallWatch {
  const arm = (): (() => void) =>
    setTimer(() => channel.abort(new Error('the neighbour stalls')), stallMs);
  let cancel = arm();
  return {
    reset: () => {
      cancel();
      cancel = arm();
    },
    cancel: () => cancel(),
  };
}
