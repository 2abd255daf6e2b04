// How far catch-up is, as one line for a person.
import type { SyncStatus } from '../gossip/in-sync.ts';
import { counted } from './layout.ts';

/** A reading that is so short is over before it is read about. */
const shownFromMs = 1_000;

/** Undefined while there is nothing to wait for. */
export function syncLine(status: SyncStatus): string | undefined {
  const { takenMessages, takenMs, behindMessages } = status;
  if (behindMessages === 0 || takenMs < shownFromMs) return undefined;
  const perSecond = Math.round((takenMessages / takenMs) * 1_000);
  const leftSeconds = perSecond === 0 ? undefined : Math.ceil(behindMessages / perSecond);
  return [
    `Catching up: ${counted(takenMessages, 'message')}, ${behindMessages} to go`,
    `${perSecond} a second`,
    ...(leftSeconds === undefined ? [] : [`about ${leftSeconds} s left`]),
  ].join(', ');
}
