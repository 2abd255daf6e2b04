// What waits at the door. Bounded for each source, with a share kept for the owner's clients.

/**
 * Where a message came from. `mined` is a client's message that this node did the work for: its
 * place was reserved when mining began, so it is never refused for lack of room.
 */
export type Source = 'client' | 'mined' | `peer:${string}`;

export interface QueueLimits {
  readonly maxMessagesPerSource: number;
  readonly maxBytesPerSource: number;
  /** Over all neighbours together; a client's share is never touched by it. */
  readonly maxPeerBytes: number;
}

interface Waiting {
  readonly bytes: Uint8Array;
}

interface Lane<T> {
  readonly items: T[];
  sizeBytes: number;
}

const isLocal = (source: Source): boolean => source === 'client' || source === 'mined';

export class FairQueue<T extends Waiting> {
  readonly #limits: QueueLimits;
  readonly #lanes = new Map<Source, Lane<T>>();
  #peerBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Of all sources together. */
  size(): { readonly messages: number; readonly bytes: number } {
    let [messages, bytes] = [0, 0];
    for (const { items, sizeBytes } of this.#lanes.values()) {
      messages += items.length;
      bytes += sizeBytes;
    }
    return { messages, bytes };
  }

  /** False when the source has used up its room. */
  push(source: Source, item: T): boolean {
    const lane = this.#lanes.get(source) ?? { items: [], sizeBytes: 0 };
    if (!this.#hasRoom(source, lane, item.bytes.length)) return false;
    lane.items.push(item);
    lane.sizeBytes += item.bytes.length;
    if (!isLocal(source)) this.#peerBytes += item.bytes.length;
    this.#lanes.set(source, lane);
    return true;
  }

  /** Takes up to `max`: half for the local lanes first, then turn by turn. */
  take(max: number): T[] {
    const taken: T[] = [];
    for (const source of ['mined', 'client'] as const) {
      while (taken.length < max / 2 && this.#shift(source, taken));
    }
    while (taken.length < max && this.#takeTurns(taken, max));
    return taken;
  }

  /** One message of every lane in turn, until one is empty; false when there is none left. */
  #takeTurns(taken: T[], max: number): boolean {
    const sources = [...this.#lanes.keys()];
    while (taken.length < max && this.#lanes.size === sources.length) {
      if (sources.length === 0) return false;
      for (const source of sources) if (taken.length < max) this.#shift(source, taken);
    }
    return true;
  }

  #hasRoom(source: Source, lane: Lane<T>, sizeBytes: number): boolean {
    if (source === 'mined') return true;
    if (lane.items.length >= this.#limits.maxMessagesPerSource) return false;
    if (lane.sizeBytes + sizeBytes > this.#limits.maxBytesPerSource) return false;
    return isLocal(source) || this.#peerBytes + sizeBytes <= this.#limits.maxPeerBytes;
  }

  #shift(source: Source, into: T[]): boolean {
    const lane = this.#lanes.get(source);
    const item = lane?.items.shift();
    if (lane === undefined || item === undefined) return false;
    lane.sizeBytes -= item.bytes.length;
    if (!isLocal(source)) this.#peerBytes -= item.bytes.length;
    if (lane.items.length === 0) this.#lanes.delete(source);
    into.push(item);
    return true;
  }
}
