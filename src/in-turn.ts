// One piece of work after the other.

/** In the order of the calls. What fails is told to its caller, and holds up nobody behind it. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** When all that was asked for before has ended, well or not. */
  async ended(): Promise<void> {
    await this.#last;
  }
}
