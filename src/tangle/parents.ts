// What one batch knows of parents: facts read from the store once, and those of messages placed since.
import type { MessageId } from '../protocol/ids.ts';
import { idText } from '../protocol/ids.ts';
import type { Store } from '../storage/store.ts';
import { isLazyChild } from './candidate.ts';
import type { Candidate, Times } from './candidate.ts';
import type { Replays } from './replays.ts';

interface KnownParent {
  /** False for an entry point of which nothing but the id is here. */
  readonly isStored: boolean;
  readonly takesChildren: boolean;
  readonly isPromised: boolean;
  readonly isLazy: boolean;
  firstChildMs: number | undefined;
}

export interface Placed {
  readonly isLazy: boolean;
  /** Stored messages name it already: it is no tip. */
  readonly hadChild: boolean;
}

type BookStore = Pick<Store, 'facts' | 'hold' | 'isHeld'>;

/** Holds what it has read against the cut until it is disposed of. */
export class ParentBook implements Disposable {
  readonly #store: BookStore;
  readonly #holds = new DisposableStack();
  readonly #known = new Map<string, KnownParent>();
  readonly #asked = new Set<string>();

  constructor(store: BookStore) {
    this.#store = store;
  }

  [Symbol.dispose](): void {
    this.#holds.dispose();
  }

  /** Reads what is not in the book yet, each id once. */
  async load(candidates: readonly Candidate[], which: 'all' | 'parents' = 'all'): Promise<void> {
    const unread: MessageId[] = [];
    const keys: string[] = [];
    const ask = (id: MessageId, key: string): void => {
      if (this.#asked.has(key)) return;
      this.#asked.add(key);
      unread.push(id);
      keys.push(key);
    };
    for (const { id, key, message, parentKeys } of candidates) {
      if (which === 'all') ask(id, key);
      for (const [position, parent] of message.parents.entries()) {
        ask(parent, parentKeys[position] ?? idText(parent));
      }
    }
    if (unread.length === 0) return;
    // Promised to somebody who works on a child of it, when it was none too old.
    const isPromised = keys.map((key) => this.#store.isHeld(key));
    this.#holds.use(this.#store.hold(unread, keys));
    const facts = await this.#store.facts(unread, keys);
    for (const [position, key] of keys.entries()) {
      const fact = facts[position];
      if (fact !== undefined) {
        const { isLazy, firstChildMs, isClosed } = fact;
        this.#known.set(key, {
          isStored: fact.seq > 0,
          takesChildren: !isClosed || isPromised[position] === true,
          isPromised: isPromised[position] === true,
          isLazy,
          firstChildMs,
        });
      }
    }
  }

  isSolid(key: string): boolean {
    return this.#known.has(key);
  }

  /** Whether it is solid for a message that names it now. */
  takesChildren(key: string): boolean {
    return this.#known.get(key)?.takesChildren === true;
  }

  isStored(key: string): boolean {
    return this.#known.get(key)?.isStored === true;
  }

  /** Judges a message whose parents are all in the book, and enters it as a parent for those behind it. */
  place(candidate: Candidate, times: Times): Placed {
    const parents = candidate.parentKeys.flatMap((key) => this.#known.get(key) ?? []);
    const isLazy = isLazyChild(parents, times);
    if (!isLazy) for (const parent of parents) parent.firstChildMs ??= times.nowMs;
    // What comes again while only its id was left has the children it had.
    const firstChildMs = this.#known.get(candidate.key)?.firstChildMs;
    const here = { isStored: true, takesChildren: true, isPromised: false };
    this.#known.set(candidate.key, { ...here, isLazy, firstChildMs });
    return { isLazy, hadChild: firstChildMs !== undefined };
  }

  /** Whether it was here before, and was pruned; asked before it is placed. Its parents are all in the book. */
  isReplay({ key, parentKeys }: Candidate, replays: Replays, times: Times): boolean {
    const parents = parentKeys.flatMap((parentKey) => {
      const parent = this.#known.get(parentKey);
      if (parent === undefined) return [];
      const isPruned = !parent.isStored && !parent.isPromised;
      return { ...parent, key: parentKey, isPruned };
    });
    return replays.note(key, parents, times);
  }
}
