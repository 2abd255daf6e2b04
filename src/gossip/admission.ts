// Whom this node lets in. Pure: decides from what it is told.
import type { Multiaddr } from '@multiformats/multiaddr';
import { blockOf, reachOf } from './reach.ts';

export interface Guest {
  readonly peerId: string;
  readonly address: Multiaddr;
}

export interface AdmissionLimits {
  readonly maxUnknown: number;
  /** From one IPv4 /24 or IPv6 /48. */
  readonly maxUnknownPerBlock: number;
}

export const refusals = [
  'banned',
  'address block is banned',
  'no neighbours wanted',
  'too many unknown neighbours',
  'too many from one address block',
] as const;
export type Refusal = (typeof refusals)[number];

export interface House {
  /** A peer id, or a block of addresses. */
  readonly isBanned: (who: string) => boolean;
  readonly isKnown: (peerId: string) => boolean;
  readonly knownCount: number;
  /** The owner wants nodes to find each other. */
  readonly isDiscovering: boolean;
  /** Unknown peers that are connected. */
  readonly unknown: readonly Guest[];
}

/**
 * Why a peer may not stay; undefined when it may. A node that was told of no neighbours is alone on
 * purpose: strangers' private Tangles must not merge.
 */
export function refusal(guest: Guest, house: House, limits: AdmissionLimits): Refusal | undefined {
  if (house.isBanned(guest.peerId)) return 'banned';
  if (house.isKnown(guest.peerId)) return undefined;
  if (house.knownCount === 0 && !house.isDiscovering) return 'no neighbours wanted';
  const others = house.unknown.filter(({ peerId }) => peerId !== guest.peerId);
  if (others.length >= limits.maxUnknown) return 'too many unknown neighbours';
  // A home or a data centre is one block, and whoever sits in it is no stranger's crowd.
  if (reachOf(guest.address) === 'private') return undefined;
  const block = blockOf(guest.address);
  if (house.isBanned(block)) return 'address block is banned';
  const near = others.filter(({ address }) => blockOf(address) === block);
  return near.length >= limits.maxUnknownPerBlock ? 'too many from one address block' : undefined;
}

export interface StreamAge {
  readonly direction: 'inbound' | 'outbound';
  readonly ageMs: number;
}

/** Younger than this, two streams were opened by both sides at the same time. */
const crossingMs = 10_000;

/**
 * Whether a second stream with a peer takes the place of the first. Who opens one believes to have none, so
 * the first is dead; but when both sides dialled at the same time, both keep the one that the peer with
 * the greater id opened.
 */
export function isReplaced(
  first: StreamAge,
  second: StreamAge,
  ids: { readonly own: string; readonly peer: string },
): boolean {
  if (first.direction === second.direction || first.ageMs >= crossingMs) return true;
  const winner = ids.own > ids.peer ? 'outbound' : 'inbound';
  return second.direction === winner;
}
