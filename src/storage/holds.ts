// Ids that somebody counts on at the moment: the cut leaves them solid.
import { idOfText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';

export class Holds {
  /** How often each is held, by `idText`. */
  readonly #counts = new Map<string, number>();

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  get ids(): readonly MessageId[] {
    return [...this.#counts.keys()].map(idOfText);
  }

  hold(keys: readonly string[]): Disposable {
    let held = keys;
    for (const key of held) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const key of held) this.#letGo(key);
        held = [];
      },
    };
  }

  #letGo(key: string): void {
    const count = (this.#counts.get(key) ?? 1) - 1;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}
