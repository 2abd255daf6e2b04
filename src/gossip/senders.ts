// Who sent which message of late, so that none is sent back to where it came from. A newer message takes the
// place of an older one: what is forgotten too early is sent once too often.
import type { MessageId } from '../protocol/ids.ts';

/** More senders of one message are not remembered: it goes back to the first of them, who knows it. */
const maxPeersPerMessage = 32;

/** Most messages come from one neighbour only. */
type Peers = string | readonly string[];

/** Keys are those of `senderKey`. A table and not a Map, whose entries cost the garbage collector more than a hash. */
export class Senders {
  readonly #keys: Float64Array;
  readonly #peers: Peers[];

  /** With a hundred places for each message on its way, one in a hundred is forgotten too early. */
  constructor(placeCount: number) {
    this.#keys = new Float64Array(placeCount);
    this.#peers = Array.from<Peers>({ length: placeCount }).fill('');
  }

  add(key: number, peerId: string): void {
    const place = key % this.#keys.length;
    const peers = this.#peers[place];
    if (this.#keys[place] !== key || peers === undefined) {
      this.#keys[place] = key;
      this.#peers[place] = peerId;
    } else if (!includes(peers, peerId)) {
      this.#peers[place] = [peers, peerId].flat().slice(-maxPeersPerMessage);
    }
  }

  has(key: number, peerId: string): boolean {
    const place = key % this.#keys.length;
    const peers = this.#peers[place];
    return this.#keys[place] === key && peers !== undefined && includes(peers, peerId);
  }
}

function includes(peers: Peers, peerId: string): boolean {
  return typeof peers === 'string' ? peers === peerId : peers.includes(peerId);
}

/**
 * The first 52 bits: who wants another message to have the same as one that is on its way would have to
 * try 2^52 of them, and would have one neighbour miss it until catch-up.
 */
export function senderKey(id: MessageId): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0] = id;
  return (
    (a * 0x1_00_00_00 + ((b << 16) | (c << 8) | d)) * 2 ** 20 + ((e << 12) | (f << 4) | (g >> 4))
  );
}
