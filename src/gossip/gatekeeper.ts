// Who may be connected: the owner's neighbours always, others by the limits of admission, and nobody who did harm.
import type { Multiaddr } from '@multiformats/multiaddr';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import { refusal, refusals } from './admission.ts';
import type { AdmissionLimits, Guest, Refusal } from './admission.ts';
import type { Bans } from './bans.ts';
import { guestsOf, hangUp } from './connections.ts';
import type { Connections } from './connections.ts';
import type { Peers } from './peers.ts';
import { blockOf, reachOf } from './reach.ts';
import { Tally } from './tally.ts';

export interface GatekeeperDeps {
  readonly libp2p: Connections;
  readonly peers: Pick<Peers, 'get' | 'list'>;
  readonly bans: Bans;
  /** Whether the owner wants nodes to find each other. */
  readonly isDiscovering: () => boolean;
  readonly log: Logger;
}

export class Gatekeeper {
  /** Connections that were not let in. */
  readonly refused = new Tally<Refusal>(refusals);
  /** Neighbours that were banned, by what they did. */
  readonly punished = new Tally<ErrorCode>();
  readonly #limits: AdmissionLimits;
  readonly #deps: GatekeeperDeps;

  constructor(limits: AdmissionLimits, deps: GatekeeperDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  /** Lets a connection in, or counts why not. */
  admits(guest: Guest): boolean {
    const refused = this.refusal(guest);
    if (refused !== undefined) this.refused.add(refused);
    return refused === undefined;
  }

  /** Why this one may not be connected; undefined when it may. */
  refusal(guest: Guest): Refusal | undefined {
    const { libp2p, peers, bans, isDiscovering } = this.#deps;
    const isKnown = (peerId: string): boolean => peers.get(peerId) !== undefined;
    const house = {
      isBanned: (who: string) => bans.has(who),
      isKnown,
      knownCount: peers.list.length,
      isDiscovering: isDiscovering(),
      unknown: guestsOf(libp2p, (peerId) => !isKnown(peerId)),
    };
    return refusal(guest, house, this.#limits);
  }

  /**
   * Closes the connections and keeps the peer out, longer each time, for codes whose blame is `sender`. A new
   * peer id costs nothing, so a stranger's block of public addresses is kept out too; those whom the owner named
   * are known by their ids and may come from there all the same.
   */
  punish(peerId: string, code: ErrorCode, address?: Multiaddr): void {
    const { bans, peers, libp2p, log } = this.#deps;
    const bannedMs = bans.add(peerId);
    this.punished.add(code);
    const addresses = guestsOf(libp2p, (id) => id === peerId).map((guest) => guest.address);
    const blocks = peers.get(peerId)
      ? new Set<string>()
      : publicBlocks(address ? [address, ...addresses] : addresses);
    for (const block of blocks) bans.add(block);
    log.warn({ peerId, code, bannedMs, blocks: [...blocks] }, 'a neighbour is banned');
    bans.save().catch((error: unknown) => {
      log.warn({ err: error }, 'the bans cannot be written');
    });
    hangUp(libp2p, peerId);
  }
}

function publicBlocks(addresses: readonly Multiaddr[]): ReadonlySet<string> {
  return new Set(addresses.filter(isInPublicBlock).map(blockOf));
}

/** Whoever shares a machine, a house or a name with it is not put out for what one of them did. */
function isInPublicBlock(address: Multiaddr): boolean {
  return reachOf(address) === 'public' && blockOf(address).includes('/');
}
