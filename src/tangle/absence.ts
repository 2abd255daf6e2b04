// A node that was not there, because it was stopped or had nobody to hear, has not grown older meanwhile: what the
// others attached then names what was young then.
import type { Clock } from '../clock.ts';
import type { Store } from '../storage/store.ts';

export interface AbsenceOptions {
  /** It is over so long after the first neighbour is there: then nothing stale may be named any more. */
  readonly maxParentAgeMs: number;
}

export interface AbsenceDeps {
  readonly store: Pick<Store, 'readLogBackwards'>;
  readonly clock: Clock;
  /** What was attached meanwhile is here, as far as the neighbours that are there have it. */
  readonly hasCaughtUp: () => boolean;
}

/** The first neighbour may have been away, too, and the others come a little later. */
const settleMs = 60_000;
/** Of one that comes and goes all the time the last ones count as one. */
const maxAbsences = 16;

export class Absence {
  readonly #maxParentAgeMs: number;
  readonly #deps: AbsenceDeps;
  /** When the newest message had come each time, the first one first. */
  #sinceMs: number[] = [];
  /** When the first neighbour was there; Infinity while none is. */
  #foundMs = Infinity;

  private constructor({ maxParentAgeMs }: AbsenceOptions, deps: AbsenceDeps) {
    this.#maxParentAgeMs = maxParentAgeMs;
    this.#deps = deps;
  }

  /** Nobody is there yet. */
  static async open(options: AbsenceOptions, deps: AbsenceDeps): Promise<Absence> {
    const absence = new Absence(options, deps);
    await absence.#begin();
    return absence;
  }

  /** When the newest message had come each time since it was there, the first one first; none when that is over. */
  get sinceMs(): readonly number[] {
    if (this.#sinceMs.length > 0 && this.#isOver()) this.#sinceMs = [];
    return this.#sinceMs;
  }

  /** The first neighbour is connected. */
  found(): void {
    this.#foundMs = this.#deps.clock.now();
  }

  /** The last neighbour is gone. */
  lost(): void {
    // A store that cannot be read now takes in nothing that would have to be judged.
    void this.#begin().catch(() => undefined);
  }

  async #begin(): Promise<void> {
    const before = this.sinceMs.slice(0, maxAbsences - 1);
    this.#foundMs = Infinity;
    const { store, clock } = this.#deps;
    const page = { beforeSeq: Number.MAX_SAFE_INTEGER, limit: 1 };
    const [newest] = await store.readLogBackwards(page);
    this.#sinceMs = [...before, newest?.arrivalMs ?? clock.now()];
  }

  #isOver(): boolean {
    const thereMs = this.#deps.clock.now() - this.#foundMs;
    if (thereMs >= this.#maxParentAgeMs) return true;
    return thereMs >= settleMs && this.#deps.hasCaughtUp();
  }
}
