// Follows the frames in what a client sends, before any parser keeps them in memory: what they are, how long, and
// how many. A client of this node says hello, subscribes, pings and leaves; it publishes nothing.

/** Why a connection was ended by this node. */
export const cutOffReasons = [
  'not_mqtt',
  'publish',
  'packet_size',
  'packet_rate',
  'subscriptions',
  'client_id',
  'slow',
  'no_place',
  'connection_rate',
] as const;
export type CutOffReason = (typeof cutOffReasons)[number];

export class CutOff extends Error {
  readonly reason: CutOffReason;

  constructor(reason: CutOffReason) {
    super(`cut off: ${reason}`);
    this.name = 'CutOff';
    this.reason = reason;
  }
}

/** Made once: with one for each topic of a packet that is refused, stack traces were half of what it cost. */
export const tooManySubscriptions = new CutOff('subscriptions');

/** Holds a SUBSCRIBE of 512 topics with an id each. */
export const maxPacketBytes = 64 * 1024;

/**
 * What a client may send after a quiet time, and again in a second. A packet costs one, and one more for each
 * 128 bytes: that is all subscriptions a client may have, asked for one by one, or a few of the longest packets.
 */
export const allowance = { burst: 2_048, perSecond: 20, bytesPerUnit: 128 };

/**
 * First bytes of CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT: type and flags. Acknowledgements belong to
 * qualities of service that are not given.
 */
const takenBytes = new Set([0x10, 0x82, 0xa2, 0xc0, 0xe0]);
const publishType = 3;
/** The field of the length has at most so many bytes. */
const maxLengthBytes = 4;

export class PacketGuard {
  readonly #nowMs: () => number;
  /** Of the packet that is being read: what is still to come of it. */
  #bodyBytes = 0;
  #length: { value: number; count: number } | undefined;
  #left = allowance.burst;
  #filledMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#filledMs = nowMs();
  }

  /** Why the connection must end, if it must. */
  check(chunk: Uint8Array): CutOffReason | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyBytes > 0) {
        const taken = Math.min(this.#bodyBytes, chunk.length - at);
        this.#bodyBytes -= taken;
        at += taken;
      } else {
        const reason = this.#readHeader(chunk[at] ?? 0);
        if (reason !== undefined) return reason;
        at += 1;
      }
    }
    return undefined;
  }

  /** One byte of it. */
  #readHeader(byte: number): CutOffReason | undefined {
    if (this.#length === undefined) {
      this.#length = { value: 0, count: 0 };
      if (byte >> 4 === publishType) return 'publish';
      return takenBytes.has(byte) ? undefined : 'not_mqtt';
    }
    const { value, count } = this.#length;
    const length = value + (byte & 127) * 128 ** count;
    if (byte >= 128 && count + 1 < maxLengthBytes) {
      this.#length = { value: length, count: count + 1 };
      return undefined;
    }
    if (byte >= 128) return 'not_mqtt';
    if (length > maxPacketBytes) return 'packet_size';
    this.#length = undefined;
    this.#bodyBytes = length;
    return this.#pay(1 + length / allowance.bytesPerUnit) ? undefined : 'packet_rate';
  }

  #pay(units: number): boolean {
    const nowMs = this.#nowMs();
    const gained = ((nowMs - this.#filledMs) / 1_000) * allowance.perSecond;
    this.#left = Math.min(allowance.burst, this.#left + gained) - units;
    this.#filledMs = nowMs;
    return this.#left >= 0;
  }
}
