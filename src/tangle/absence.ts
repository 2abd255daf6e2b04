// A node that was not there has not grown older meanwhile: what the others attached then names what was young then.
import type { Clock } from '../clock.ts';
import type { Store } from '../storage/store.ts';

export interface AbsenceOptions {
  /** It is over after that time at the latest: then nothing stale may be named any more, whoever is there. */
  readonly maxParentAgeMs: number;
}

export interface AbsenceDeps {
  readonly store: Pick<Store, 'readLogBackwards'>;
  readonly clock: Clock;
  /** What was attached meanwhile is here. */
  readonly hasCaughtUp: () => boolean;
}

export class Absence {
  readonly #sinceMs: number;
  readonly #untilMs: number;
  readonly #deps: AbsenceDeps;
  #isOver = false;

  private constructor(sinceMs: number, untilMs: number, deps: AbsenceDeps) {
    this.#sinceMs = sinceMs;
    this.#untilMs = untilMs;
    this.#deps = deps;
  }

  /** Since the newest message that is stored came. */
  static async open({ maxParentAgeMs }: AbsenceOptions, deps: AbsenceDeps): Promise<Absence> {
    const [newest] = await deps.store.readLogBackwards({
      beforeSeq: Number.MAX_SAFE_INTEGER,
      limit: 1,
    });
    const nowMs = deps.clock.now();
    return new Absence(newest?.arrivalMs ?? nowMs, nowMs + maxParentAgeMs, deps);
  }

  /** Undefined when it is over. */
  get sinceMs(): number | undefined {
    this.#isOver ||= this.#deps.clock.now() >= this.#untilMs || this.#deps.hasCaughtUp();
    return this.#isOver ? undefined : this.#sinceMs;
  }
}
