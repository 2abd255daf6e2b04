// Places of which there are only so many: those of listeners to events, of MQTT clients, of requests that wait. What one
// client takes of them is limited, too, so that nobody has the node alone.
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** One client may hold a quarter of them. */
const shares = 4;

export interface Place {
  /** May be called again. */
  readonly leave: () => void;
}

/** With which codes: when all are taken, and when the client has its share. */
interface Refusals {
  readonly full: ErrorCode;
  readonly share: ErrorCode;
}

const listening: Refusals = { full: 'TOO_MANY_LISTENERS', share: 'LISTENER_QUOTA' };

/** Of the place, or of the refusal which it throws. */
export function orThrow(taken: Place | TangleError): Place {
  if (taken instanceof TangleError) throw taken;
  return taken;
}

export class Places {
  readonly #max: number;
  readonly #maxPerClient: number;
  readonly #refusals: Refusals;
  readonly #byClient = new Map<string, number>();
  #taken = 0;

  constructor(max: number, refusals: Refusals = listening) {
    this.#max = max;
    this.#refusals = refusals;
    this.#maxPerClient = Math.ceil(max / shares);
  }

  /** A client that is undefined counts in the total only. */
  take(client: string | undefined): Place | TangleError {
    const own = client === undefined ? 0 : (this.#byClient.get(client) ?? 0);
    if (own >= this.#maxPerClient) return new TangleError(this.#refusals.share);
    if (this.#taken >= this.#max) return new TangleError(this.#refusals.full);
    this.#count(client, 1);
    let isHeld = true;
    return {
      leave: () => {
        if (isHeld) this.#count(client, -1);
        isHeld = false;
      },
    };
  }

  #count(client: string | undefined, change: 1 | -1): void {
    this.#taken += change;
    if (client === undefined) return;
    const count = (this.#byClient.get(client) ?? 0) + change;
    if (count === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, count);
  }
}
