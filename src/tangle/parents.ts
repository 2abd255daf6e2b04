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
  /** Undefined: asked for, and not here. */
  readonly #known = new Map<string, KnownParent | undefined>();

  constructor(store: BookStore) {
    this.#store = store;
  }

  [Symbol.dispose](): void {
    this.#holds.dispose();
  }

  /** Reads what is not in the book yet, each id once. */
  async load(candidates: readonly Candidate[], which: 'all' | 'parents' = 'all'): Promise<void> {
    const ids: MessageId[] = [];
    const keys: string[] = [];
    const ask = (id: MessageId, key: string): void => {
      if (this.#known.has(key)) return;
      this.#known.set(key, undefined);
      ids.push(id);
      keys.push(key);
    };
    for (const { id, key, message, parentKeys } of candidates) {
      if (which === 'all') ask(id, key);
      let position = 0;
      for (const parent of message.parents) ask(parent, parentKeys[position++] ?? idText(parent));
    }
    if (ids.length > 0) await this.#read(ids, keys);
  }

  async #read(ids: readonly MessageId[], keys: readonly string[]): Promise<void> {
    // Promised to somebody who works on a child of it, when it was none too old.
    const promised = keys.map((key) => this.#store.isHeld(key));
    this.#holds.use(this.#store.hold(ids, keys));
    const facts = await this.#store.facts(ids, keys);
    let position = 0;
    for (const key of keys) {
      const fact = facts[position];
      const isPromised = promised[position++] === true;
      if (fact === undefined) continue;
      const { seq, isLazy, firstChildMs, isClosed } = fact;
      const takesChildren = !isClosed || isPromised;
      this.#known.set(key, { isStored: seq > 0, takesChildren, isPromised, isLazy, firstChildMs });
    }
  }

  isSolid(key: string): boolean {
    return this.#known.get(key) !== undefined;
  }

  /** Whether it is solid for a message that names it now. */
  takesChildren(key: string): boolean {
    return this.#known.get(key)?.takesChildren === true;
  }

  isStored(key: string): boolean {
    return this.#known.get(key)?.isStored === true;
  }

  /** Judges a message whose parents are all in the book, and enters it as a parent for those behind it. */
  place({ key, parentKeys }: Candidate, times: Times): Placed {
    const parents: KnownParent[] = [];
    for (const parentKey of parentKeys) {
      const parent = this.#known.get(parentKey);
      if (parent !== undefined) parents.push(parent);
    }
    const isLazy = isLazyChild(parents, times);
    if (!isLazy) for (const parent of parents) parent.firstChildMs ??= times.nowMs;
    // What comes again while only its id was left has the children it had.
    const firstChildMs = this.#known.get(key)?.firstChildMs;
    const isStored = true;
    const isPromised = false;
    this.#known.set(key, { isStored, takesChildren: true, isPromised, isLazy, firstChildMs });
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
