// Which messages are solid now, in parents-first order, and which wait for whom. No recursion, no I/O
// of its own: bytes of waiting messages lie in the store and are loaded by a function passed in.
import type { MessageId } from '../protocol/ids.ts';
import type { Candidate } from './candidate.ts';

export interface PendingLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

interface Pending {
  readonly id: MessageId;
  readonly key: string;
  readonly source: string;
  readonly sizeBytes: number;
  /** Keys of the parents that are not solid. */
  readonly missing: Set<string>;
}

/** What one source holds here, oldest first. */
interface SourceShare {
  readonly keys: Set<string>;
  sizeBytes: number;
}

/** Loads messages that wait in the store; one that is gone there is left out of the answer. */
export type LoadPending = (ids: readonly MessageId[]) => Promise<readonly Candidate[]>;

export interface PlanInput {
  readonly candidates: readonly Candidate[];
  readonly isSolid: (key: string) => boolean;
  readonly load: LoadPending;
  /** At most this many waiting messages are freed in one plan; the others come with the next. */
  readonly maxFreed: number;
}

export interface Plan {
  /** Parents before children. */
  readonly solid: readonly Candidate[];
  /** Candidates with a parent that is not solid. */
  readonly blocked: readonly Candidate[];
  /** They waited for their last parent, and now another one is gone. */
  readonly orphaned: readonly Candidate[];
}

export class Solidifier {
  readonly #limits: PendingLimits;
  readonly #pending = new Map<string, Pending>();
  /** parent key -> keys of those that wait for it. */
  readonly #waiters = new Map<string, Set<string>>();
  /** Waiting no longer: every parent is solid. */
  readonly #free = new Set<string>();
  readonly #sources = new Map<string, SourceShare>();
  #sizeBytes = 0;

  constructor(limits: PendingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Whether a plan without any candidate would find something to do. */
  get hasFree(): boolean {
    return this.#free.size > 0;
  }

  has(key: string): boolean {
    return this.#pending.has(key);
  }

  /** All that wait, with the keys of their parents that are not solid. */
  waiting(): readonly { readonly id: MessageId; readonly missing: readonly string[] }[] {
    return [...this.#pending.values()].map(({ id, missing }) => ({ id, missing: [...missing] }));
  }

  /** Orders the candidates and what they free. Changes nothing here, so a failed write needs no undo. */
  async plan(input: PlanInput): Promise<Plan> {
    const walk = new Walk(input);
    let freed = 0;
    let next = this.#lookUp(this.#free, input.maxFreed);
    do {
      walk.start(await input.load(next.map((pending) => pending.id)));
      freed += next.length;
      const woken = walk.run((key) => this.#waitersOf(key));
      next = this.#lookUp(woken, input.maxFreed - freed);
    } while (next.length > 0);
    return walk.result();
  }

  /** The plan's messages are stored: they stop waiting, and so do those that waited only for them. */
  commit(solid: readonly Candidate[]): void {
    for (const { key } of solid) {
      this.#remove(key);
      for (const child of this.#waiters.get(key) ?? []) {
        const pending = this.#pending.get(child);
        pending?.missing.delete(key);
        if (pending?.missing.size === 0) this.#free.add(child);
      }
      this.#waiters.delete(key);
    }
  }

  /**
   * Lets a message wait. Returns the ids that had to make room: the oldest of the source that fills most,
   * which may be this message itself when it alone is over the limit.
   */
  hold(candidate: Candidate, source: string, missing: readonly string[]): MessageId[] {
    const { id, key } = candidate;
    this.#add({ id, key, source, sizeBytes: candidate.bytes.length, missing: new Set(missing) });
    if (missing.length === 0) this.#free.add(key);
    for (const parent of missing) {
      const waiters = this.#waiters.get(parent) ?? new Set();
      this.#waiters.set(parent, waiters.add(key));
    }
    return this.#makeRoom();
  }

  /** Forgets a waiting message, because the store has lost it or knows it as solid. */
  drop(key: string): void {
    this.#remove(key);
  }

  clear(): void {
    this.#pending.clear();
    this.#waiters.clear();
    this.#free.clear();
    this.#sources.clear();
    this.#sizeBytes = 0;
  }

  #waitersOf(key: string): readonly WaitingChild[] {
    const children: WaitingChild[] = [];
    for (const child of this.#waiters.get(key) ?? []) {
      const missing = this.#pending.get(child)?.missing.size;
      if (missing !== undefined) children.push({ key: child, missing });
    }
    return children;
  }

  #lookUp(keys: Iterable<string>, max: number): Pending[] {
    const found: Pending[] = [];
    for (const key of keys) {
      if (found.length >= max) break;
      const pending = this.#pending.get(key);
      if (pending !== undefined) found.push(pending);
    }
    return found;
  }

  #makeRoom(): MessageId[] {
    const evicted: MessageId[] = [];
    while (
      this.#pending.size > this.#limits.maxMessages ||
      this.#sizeBytes > this.#limits.maxBytes
    ) {
      const [oldest] = this.#largestShare()?.keys ?? [];
      const pending = oldest === undefined ? undefined : this.#pending.get(oldest);
      if (pending === undefined) break;
      this.#remove(pending.key);
      evicted.push(pending.id);
    }
    return evicted;
  }

  #largestShare(): SourceShare | undefined {
    let largest: SourceShare | undefined;
    for (const share of this.#sources.values()) {
      if (share.sizeBytes > (largest?.sizeBytes ?? 0)) largest = share;
    }
    return largest;
  }

  #add(pending: Pending): void {
    const share = this.#sources.get(pending.source) ?? { keys: new Set(), sizeBytes: 0 };
    this.#sources.set(pending.source, share);
    this.#pending.set(pending.key, pending);
    share.keys.add(pending.key);
    share.sizeBytes += pending.sizeBytes;
    this.#sizeBytes += pending.sizeBytes;
  }

  #remove(key: string): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    this.#pending.delete(key);
    this.#free.delete(key);
    this.#sizeBytes -= pending.sizeBytes;
    const share = this.#sources.get(pending.source);
    share?.keys.delete(key);
    if (share !== undefined) share.sizeBytes -= pending.sizeBytes;
    if (share?.keys.size === 0) this.#sources.delete(pending.source);
    for (const parent of pending.missing) {
      const waiters = this.#waiters.get(parent);
      waiters?.delete(key);
      if (waiters?.size === 0) this.#waiters.delete(parent);
    }
  }
}

interface WaitingChild {
  readonly key: string;
  /** How many parents it waits for, before this walk. */
  readonly missing: number;
}

/** One pass over a batch, with its own count of what is still missing. */
class Walk {
  readonly #candidates: readonly Candidate[];
  readonly #missing = new Map<string, number>();
  readonly #children = new Map<string, Candidate[]>();
  readonly #solid: Candidate[] = [];
  readonly #orphaned: Candidate[] = [];
  readonly #isSolid: PlanInput['isSolid'];
  readonly #reached = new Set<string>();
  #next = 0;

  constructor(input: PlanInput) {
    this.#candidates = input.candidates;
    this.#isSolid = input.isSolid;
    for (const candidate of input.candidates) {
      let missing = 0;
      for (const key of candidate.parentKeys) {
        if (input.isSolid(key)) continue;
        missing += 1;
        const children = this.#children.get(key);
        if (children === undefined) this.#children.set(key, [candidate]);
        else children.push(candidate);
      }
      if (missing > 0) this.#missing.set(candidate.key, missing);
      else this.#reach(candidate);
    }
  }

  /** Waiting messages whose parents are all solid or stand earlier in this walk, unless one was pruned. */
  start(free: readonly Candidate[]): void {
    for (const candidate of free) {
      const isWhole = candidate.parentKeys.every(
        (key) => this.#isSolid(key) || this.#reached.has(key),
      );
      if (isWhole) this.#reach(candidate);
      else this.#orphaned.push(candidate);
    }
  }

  /** Follows children as far as their bytes are at hand; returns the waiting ones that became free. */
  run(waitersOf: (key: string) => readonly WaitingChild[]): Set<string> {
    const woken = new Set<string>();
    for (; this.#next < this.#solid.length; this.#next++) {
      const key = this.#solid[this.#next]?.key ?? '';
      for (const child of this.#children.get(key) ?? []) {
        if (this.#countDown(child.key, 0)) this.#reach(child);
      }
      for (const child of waitersOf(key)) {
        if (this.#countDown(child.key, child.missing)) woken.add(child.key);
      }
    }
    return woken;
  }

  result(): Plan {
    return {
      solid: this.#solid,
      blocked: this.#candidates.filter((candidate) => !this.#reached.has(candidate.key)),
      orphaned: this.#orphaned,
    };
  }

  #countDown(key: string, initial: number): boolean {
    const missing = (this.#missing.get(key) ?? initial) - 1;
    this.#missing.set(key, missing);
    return missing === 0;
  }

  #reach(candidate: Candidate): void {
    if (this.#reached.has(candidate.key)) return;
    this.#reached.add(candidate.key);
    this.#solid.push(candidate);
  }
}
