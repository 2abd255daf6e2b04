// Places that are held for as long as their holder likes: those of listeners to events and of MQTT clients. All together
// are limited, and so is what one client takes of them, so that nobody is alone with the node.
import { TangleError } from '../errors.ts';

/** One client may hold a quarter of them. */
const shares = 4;

export interface Place {
  /** May be called again. */
  readonly leave: () => void;
}

/** Of the place, or of the refusal which it throws. */
export function orThrow(taken: Place | TangleError): Place {
  if (taken instanceof TangleError) throw taken;
  return taken;
}

export class Places {
  readonly #max: number;
  readonly #maxPerClient: number;
  readonly #byClient = new Map<string, number>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
    this.#maxPerClient = Math.ceil(max / shares);
  }

  /** A client that is undefined counts in the total only. Refusals are LISTENER_QUOTA and TOO_MANY_LISTENERS. */
  take(client: string | undefined): Place | TangleError {
    if (client !== undefined && (this.#byClient.get(client) ?? 0) >= this.#maxPerClient) {
      return new TangleError(
        'LISTENER_QUOTA',
        `You hold ${this.#maxPerClient} places already, which is all that one client may; leave one.`,
      );
    }
    if (this.#taken >= this.#max) return new TangleError('TOO_MANY_LISTENERS');
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
