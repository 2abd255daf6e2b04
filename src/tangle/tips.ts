// The tip pool: what new messages may name as parents. Pure memory; made again from the log at start.
import type { Clock } from '../clock.ts';
import { compareBytes } from '../protocol/bytes.ts';
import { idText } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';

// The rules of the field's nodes (TIP-3 and the reference node's defaults), so that a mixed network
// behaves as one.
/** More tips than this, and an approved one leaves at once. */
const retentionTips = 100;
/** An approved tip leaves this long after its first approval, so that the Tangle gets some width. */
const maxApprovedAgeMs = 3_000;
/** An approved tip leaves with this many approvals. */
const maxApprovals = 30;
/** Unapproved tips are bounded too; beyond it the oldest go. */
export const maxTips = 1_000;
/** Four, not eight: every parent costs 32 bytes, and eight often cost a threefold proof of work. */
export const selectedTips = 4;

interface Tip {
  readonly id: MessageId;
  slot: number;
  approvals: number;
  firstApprovalMs: number | undefined;
}

/** What the pool must know of a message. */
export interface TipMessage {
  readonly id: MessageId;
  /** By `idText`, as those of the parents. */
  readonly key: string;
  readonly parentKeys: readonly string[];
  readonly isLazy: boolean;
}

export interface TipDeps {
  readonly clock: Clock;
  /** In [0, 1); a test passes a seeded one. */
  readonly random?: () => number;
}

export class TipPool {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #tips = new Map<string, Tip>();
  /** The same tips in an array: a uniform draw is one index. */
  readonly #slots: Tip[] = [];
  /** Approved tips in the order of their first approval. */
  readonly #approved = new Map<string, Tip>();

  constructor(deps: TipDeps) {
    this.#clock = deps.clock;
    this.#random = deps.random ?? Math.random;
  }

  get size(): number {
    return this.#tips.size;
  }

  /** All of them, the newest last. */
  all(): readonly MessageId[] {
    return [...this.#tips.values()].map(({ id }) => id);
  }

  /** Takes in messages that became solid, parents first. A lazy one is never offered and retires nobody. */
  add(messages: readonly TipMessage[]): void {
    for (const message of messages) {
      if (message.isLazy) continue;
      this.#insert(message.id, message.key);
      for (const parent of message.parentKeys) this.#approve(parent);
    }
    this.#retire();
  }

  /** One to `max` different tips, drawn uniformly, in ascending byte order as parents must be. */
  select(max = selectedTips): MessageId[] {
    this.#retire();
    const count = Math.min(max, this.#slots.length);
    // A partial Fisher-Yates shuffle: the first `count` slots become a uniform sample.
    for (let slot = 0; slot < count; slot++) {
      this.#swap(slot, slot + Math.floor(this.#random() * (this.#slots.length - slot)));
    }
    return this.#slots
      .slice(0, count)
      .map((tip) => tip.id)
      .toSorted(compareBytes);
  }

  /** Forgets everything and starts from these, oldest first (at start, or after the store was reopened). */
  reset(ids: readonly MessageId[]): void {
    this.#tips.clear();
    this.#approved.clear();
    this.#slots.length = 0;
    for (const id of ids) this.#insert(id, idText(id));
  }

  #insert(id: MessageId, key: string): void {
    if (this.#tips.has(key)) return;
    const tip: Tip = { id, slot: this.#slots.length, approvals: 0, firstApprovalMs: undefined };
    this.#tips.set(key, tip);
    this.#slots.push(tip);
    if (this.#tips.size > maxTips) {
      const [oldest] = this.#tips.keys();
      if (oldest !== undefined) this.#remove(oldest);
    }
  }

  #approve(key: string): void {
    const tip = this.#tips.get(key);
    if (tip === undefined) return;
    tip.approvals += 1;
    if (this.#tips.size > retentionTips || tip.approvals >= maxApprovals) {
      this.#remove(key);
    } else if (tip.firstApprovalMs === undefined) {
      tip.firstApprovalMs = this.#clock.now();
      this.#approved.set(key, tip);
    }
  }

  /** Removes what was approved long enough ago. Whoever approved it is in the pool, so it never empties. */
  #retire(): void {
    const before = this.#clock.now() - maxApprovedAgeMs;
    for (const [key, tip] of this.#approved) {
      if (tip.firstApprovalMs === undefined || tip.firstApprovalMs > before) return;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    const tip = this.#tips.get(key);
    if (tip === undefined || this.#tips.size === 1) return;
    this.#swap(tip.slot, this.#slots.length - 1);
    this.#slots.pop();
    this.#tips.delete(key);
    this.#approved.delete(key);
  }

  #swap(a: number, b: number): void {
    const first = this.#slots[a];
    const second = this.#slots[b];
    if (first === undefined || second === undefined) return;
    this.#slots[a] = second;
    this.#slots[b] = first;
    first.slot = b;
    second.slot = a;
  }
}
