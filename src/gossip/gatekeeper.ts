// Who may be connected: the owner's neighbours always, others by the limits of admission, and nobody who did harm.
import type { Libp2p } from 'libp2p';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import { refusal } from './admission.ts';
import type { AdmissionLimits, Guest } from './admission.ts';
import type { Bans } from './bans.ts';
import { guestsOf, hangUp } from './connections.ts';
import type { Peers } from './peers.ts';

export interface GatekeeperDeps {
  readonly libp2p: Libp2p;
  readonly peers: Peers;
  readonly bans: Bans;
  /** Whether the owner wants nodes to find each other. */
  readonly isDiscovering: () => boolean;
  readonly log: Logger;
}

export class Gatekeeper {
  readonly #limits: AdmissionLimits;
  readonly #deps: GatekeeperDeps;

  constructor(limits: AdmissionLimits, deps: GatekeeperDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  /** Why this one may not be connected; undefined when it may. */
  refusal(guest: Guest): string | undefined {
    const { libp2p, peers, bans, isDiscovering } = this.#deps;
    const isKnown = (peerId: string): boolean => peers.get(peerId) !== undefined;
    const house = {
      isBanned: (peerId: string) => bans.has(peerId),
      isKnown,
      knownCount: peers.list.length,
      isDiscovering: isDiscovering(),
      unknown: guestsOf(libp2p, (peerId) => !isKnown(peerId)),
    };
    return refusal(guest, house, this.#limits);
  }

  /** Closes the connections and keeps the peer out, longer each time. For codes whose blame is `sender`. */
  punish(peerId: string, code: ErrorCode): void {
    const { bans, libp2p, log } = this.#deps;
    const bannedMs = bans.add(peerId);
    log.warn({ peerId, code, bannedMs }, 'a neighbour is banned');
    bans.save().catch((error: unknown) => {
      log.warn({ err: error }, 'the bans cannot be written');
    });
    hangUp(libp2p, peerId);
  }
}
