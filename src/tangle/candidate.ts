// A message on its way through the door: decoded, named, and what its parents say about it.
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { Facts } from '../storage/store.ts';

export interface Candidate {
  readonly id: MessageId;
  /** By `idText`: the key of most maps in this folder and in the store. */
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly message: Message;
  readonly parentKeys: readonly string[];
}

export function candidateOf(bytes: Uint8Array, message: Message, id: MessageId): Candidate {
  return {
    id,
    key: idText(id),
    bytes,
    message,
    parentKeys: message.parents.map(idText),
  };
}

/** What a child must know of its parent to be judged lazy or not. */
export type ParentFacts = Pick<Facts, 'isLazy' | 'firstChildMs'>;

export interface Times {
  readonly nowMs: number;
  readonly maxParentAgeMs: number;
  /** The node was not there since then, each time: what had a child before has not grown older since. */
  readonly awaySinceMs?: readonly number[] | undefined;
}

/**
 * Whether a message is lazy: it names a stale parent, or builds on a lazy message. A parent is stale
 * when its first child that is not lazy became solid more than `maxParentAgeMs` ago. Lazy children do
 * not count: they retire no tip, so a tip that only they name is still a tip, and a tip is never stale.
 */
export function isLazyChild(parents: readonly ParentFacts[], times: Times): boolean {
  return parents.some((parent) => parent.isLazy || isStale(parent, times));
}

/** Whether its first child that is not lazy came too long ago for it to be named now. */
export function isStale(
  { firstChildMs = Infinity }: Pick<ParentFacts, 'firstChildMs'>,
  { nowMs, maxParentAgeMs, awaySinceMs = [] }: Times,
): boolean {
  const untilMs = awaySinceMs.find((sinceMs) => firstChildMs <= sinceMs) ?? nowMs;
  return untilMs - firstChildMs > maxParentAgeMs;
}
