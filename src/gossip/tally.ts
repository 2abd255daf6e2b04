// Counts by name, for the metrics. Names come from this code and never from a neighbour, so there are few.

export class Tally<Name extends string> {
  readonly #counts = new Map<Name, number>();

  /** Every name is told, those that were not counted yet with 0. */
  constructor(names: readonly Name[] = []) {
    for (const name of names) this.#counts.set(name, 0);
  }

  add(name: Name, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  get counts(): ReadonlyMap<Name, number> {
    return this.#counts;
  }
}
