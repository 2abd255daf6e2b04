// A fixed number of slots and a bounded line, first come first served, of those who wait for one.
import { addAbortListener } from 'node:events';
import { TangleError } from '../errors.ts';

export class Slots {
  #free: number;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<() => void>();

  constructor(limits: { readonly slots: number; readonly maxWaiting: number }) {
    this.#free = limits.slots;
    this.#maxWaiting = limits.maxWaiting;
  }

  /**
   * Waits for a slot; disposing of the answer gives it back.
   *
   * @throws TangleError POW_BUSY when the line is full, POW_ABORTED when the signal comes first;
   * its place in the line is then free at once.
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw new TangleError('POW_ABORTED');
    if (this.#free > 0) this.#free -= 1;
    else await this.#waitInLine(signal);
    return { [Symbol.dispose]: () => this.#giveBack() };
  }

  async #waitInLine(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#maxWaiting) throw new TangleError('POW_BUSY');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    using _ = addAbortListener(signal, () => {
      this.#waiting.delete(resolve);
      reject(new TangleError('POW_ABORTED'));
    });
    await promise;
  }

  /** The slot goes straight to the first in line, so that nobody can slip in between. */
  #giveBack(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(first);
    first();
  }
}
