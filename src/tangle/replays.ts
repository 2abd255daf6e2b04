// What comes again after it was pruned, from a neighbour that had it still. It is taken in like any other message, but
// it is no tip: whoever pruned it, too, could not follow what is attached to it. A message older than
// `tangle.maxParentAgeMs` is lazy anyway; this is for a store that has to forget sooner than that to keep to its size.
import { isStale } from './candidate.ts';
import type { ParentFacts, Times } from './candidate.ts';

/** Of the messages that came again, as many are known by their ids. */
const maxReplays = 10_000;
/** Tips are offered for three seconds after their first child came; then the child travels, or its work is done. */
const youngMs = 10_000;

export interface ReplayParent extends ParentFacts {
  readonly key: string;
  /** Of which only the id is here, and nobody works on a child of it. */
  readonly isPruned: boolean;
}

export class Replays {
  readonly #keys = new Set<string>();

  /**
   * Notes a message that came again, and says whether it is one: what stood in the log stood behind its parents, so
   * that all of them are pruned, or came again before it. New messages name what is here, or had its first child
   * only just now.
   */
  note(key: string, parents: readonly ReplayParent[], times: Times): boolean {
    const age = { ...times, maxParentAgeMs: youngMs };
    const isReplay = parents.every(
      (parent) => this.#keys.has(parent.key) || (parent.isPruned && isStale(parent, age)),
    );
    if (isReplay) this.#keys.add(key);
    const [oldest] = this.#keys;
    if (oldest !== undefined && this.#keys.size > maxReplays) this.#keys.delete(oldest);
    return isReplay;
  }
}
