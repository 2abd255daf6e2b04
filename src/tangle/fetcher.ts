// Missing parents: whom they are asked from, when again, and when no more. Pure bookkeeping: time, timers
// and the network are passed in. Whatever a neighbour makes it remember is bounded.
import type { Clock, SetTimer } from '../clock.ts';
import type { Logger } from '../log.ts';
import { asMessageId, messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { fetchLimits } from './fetch-limits.ts';
import type { FetchLimits } from './fetch-limits.ts';

/** A neighbour's message that waits, and those of its parents that nobody has sent yet. */
export interface Blocked {
  readonly id: MessageId;
  readonly missing: readonly MessageId[];
  /** Who sent it, and so has its parents most likely. Absent when it waited since before the start. */
  readonly peerId?: string | undefined;
}

export interface FetcherDeps {
  /** Sends the request; false when that neighbour cannot take one now. */
  readonly request: (peerId: string, id: MessageId) => boolean;
  /** Peer ids of those that are connected. */
  readonly neighbours: () => readonly string[];
  /** Called after each rest: what still waits should be wanted again. */
  readonly onRested: () => void;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly log: Logger;
}

export interface Asked {
  readonly peerId: string;
  readonly atMs: number;
}

/**
 * Why an id is missing. `not_found`: nobody answered. `below_horizon`: further back than this node goes
 * for one message, which is our limit and nobody's fault.
 */
export interface MissingReport {
  readonly state: 'asking' | 'not_found' | 'below_horizon';
  /** In the order of asking. */
  readonly asked: readonly Asked[];
  /** When it is asked for again: by itself while asking, else as soon as somebody names it after that. */
  readonly againMs: number;
}

/** A message whose past is fetched. */
interface Root {
  readonly key: string;
  /** The neighbour that made us fetch. */
  readonly source: string;
  /** Ids asked for on its behalf, ever. */
  messageCount: number;
  readonly wanted: Set<string>;
}

interface Wanted {
  readonly id: MessageId;
  /** Who may have it, the likeliest first. */
  readonly likely: string[];
  /** On whose behalf, and how many generations below. */
  readonly roots: Map<Root, number>;
  readonly asked: Asked[];
  tries: number;
  deadlineMs: number;
}

/** Neighbours that sent a child of one missing id; more are not remembered. */
const maxLikely = 8;
/** Roots that one missing id keeps going; the others profit all the same. */
const maxRootsPerWanted = 8;

export class Fetcher implements Disposable {
  readonly #limits: FetchLimits;
  readonly #deps: FetcherDeps;
  /** In the order of their deadlines, as all wait equally long. */
  readonly #wanted = new Map<string, Wanted>();
  /** Oldest first. */
  readonly #roots = new Map<string, Root>();
  /** The same by who made us fetch, so that finding the greediest asks no root. */
  readonly #rootsOf = new Map<string, Set<Root>>();
  /** Ids that were given up, roots among them, the longest ago first. */
  readonly #givenUp = new Map<string, MissingReport>();
  /** So that what nobody in particular is likely to have is not always asked from the same one. */
  #turn = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelRest: (() => void) | undefined;

  constructor(deps: FetcherDeps, limits: Partial<FetchLimits> = {}) {
    this.#deps = deps;
    this.#limits = { ...fetchLimits, ...limits };
    this.#rest();
  }

  /** Requests that were sent, and ids that were given up, since the start. */
  readonly counts = { asked: 0, not_found: 0, below_horizon: 0 };

  get wantedCount(): number {
    return this.#wanted.size;
  }

  /** A message waits for parents. If it was asked for itself, they are a generation further down. */
  want(blocked: Blocked): void {
    const key = messageIdHex(blocked.id);
    const generations = this.#settle(key) ?? this.#rootOf(key, blocked);
    for (const [root, generation] of generations) {
      this.#descend(root, generation + 1, blocked);
      if (root.wanted.size === 0) this.#forgetRoot(root);
    }
    this.#makeRoom();
    this.#arm();
  }

  /** These became solid, from wherever they came. */
  arrived(ids: readonly MessageId[]): void {
    for (const id of ids) {
      const key = messageIdHex(id);
      this.#givenUp.delete(key);
      for (const root of this.#settle(key)?.keys() ?? []) {
        if (root.wanted.size === 0) this.#forgetRoot(root);
      }
      const root = this.#roots.get(key);
      if (root !== undefined) this.#dropRoot(root);
    }
  }

  /** Undefined for an id that is not missing, or that was given up so long ago that it is forgotten. */
  why(id: MessageId): MissingReport | undefined {
    const key = messageIdHex(id);
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return this.#givenUp.get(key);
    return { state: 'asking', asked: [...wanted.asked], againMs: wanted.deadlineMs };
  }

  [Symbol.dispose](): void {
    this.#cancelTimer?.();
    this.#cancelRest?.();
    this.#wanted.clear();
    this.#roots.clear();
    this.#rootsOf.clear();
  }

  /** Nothing for a message that waits only for what is on its way, or that was given up a while ago. */
  #rootOf(key: string, { missing, peerId = '' }: Blocked): ReadonlyMap<Root, number> {
    if (missing.length === 0 || this.#isResting(key, 'below_horizon')) return new Map();
    const newRoot = { key, source: peerId, messageCount: 0, wanted: new Set<string>() };
    const root = this.#roots.get(key) ?? newRoot;
    this.#roots.set(key, root);
    const { source } = root;
    this.#rootsOf.set(source, (this.#rootsOf.get(source) ?? new Set()).add(root));
    return new Map([[root, 0]]);
  }

  #isResting(key: string, state: MissingReport['state']): boolean {
    const report = this.#givenUp.get(key);
    return report?.state === state && report.againMs > this.#deps.clock.now();
  }

  #descend(root: Root, generation: number, { missing, peerId }: Blocked): void {
    const fresh = missing.filter((id) => !root.wanted.has(messageIdHex(id)));
    const { maxGenerations, maxMessagesPerRoot } = this.#limits;
    const isInReach =
      generation <= maxGenerations && root.messageCount + fresh.length <= maxMessagesPerRoot;
    if (fresh.length > 0 && !isInReach) this.#giveUpRoot(root, fresh);
    else for (const id of missing) this.#wantFor(root, generation, { id, peerId });
  }

  #wantFor(root: Root, generation: number, { id, peerId }: Omit<Blocked, 'missing'>): void {
    const key = messageIdHex(id);
    const known = this.#wanted.get(key);
    // Whoever passes on a child has this one, whatever others said: it alone is asked during the rest.
    const isLastTry = peerId !== undefined && this.#isResting(key, 'not_found');
    const wanted = known ?? newWanted(id, isLastTry ? this.#limits.maxTries - 1 : 0);
    const isLikely = peerId !== undefined && !wanted.likely.includes(peerId);
    if (isLikely && wanted.likely.length < maxLikely) wanted.likely.push(peerId);
    if (!wanted.roots.has(root) && wanted.roots.size < maxRootsPerWanted) {
      wanted.roots.set(root, generation);
      root.wanted.add(key);
      root.messageCount += 1;
    }
    if (known === undefined) this.#ask(key, wanted);
  }

  /** Asks the one who was asked least often: first the likely ones, then all others in turn. */
  #ask(key: string, wanted: Wanted): void {
    const atMs = this.#deps.clock.now();
    // Alone, a node waits for neighbours; that nobody has it they would have to say.
    if (this.#deps.neighbours().length > 0) wanted.tries += 1;
    wanted.deadlineMs = atMs + this.#limits.timeoutMs;
    // Behind all others: its deadline is the last.
    this.#wanted.delete(key);
    this.#wanted.set(key, wanted);
    const asker = this.#candidates(wanted).find((peerId) => this.#deps.request(peerId, wanted.id));
    if (asker === undefined) return;
    this.counts.asked += 1;
    wanted.asked.push({ peerId: asker, atMs });
  }

  #candidates({ likely, asked }: Wanted): readonly string[] {
    const neighbours = this.#deps.neighbours();
    const start = neighbours.length === 0 ? 0 : this.#turn++ % neighbours.length;
    const inTurn = [...neighbours.slice(start), ...neighbours.slice(0, start)];
    const isUp = new Set(neighbours);
    const times = (peerId: string): number =>
      asked.filter((question) => question.peerId === peerId).length;
    return [...new Set([...likely.filter((peerId) => isUp.has(peerId)), ...inTurn])].sort(
      (a, b) => times(a) - times(b),
    );
  }

  /** It is here, solid or not. Returns on whose behalf it was asked for, if it was. */
  #settle(key: string): ReadonlyMap<Root, number> | undefined {
    const wanted = this.#wanted.get(key);
    this.#wanted.delete(key);
    for (const root of wanted?.roots.keys() ?? []) root.wanted.delete(key);
    return wanted?.roots;
  }

  #rest(): void {
    this.#cancelRest = this.#deps.setTimer(() => {
      this.#deps.onRested();
      this.#rest();
    }, this.#limits.restMs);
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    const now = this.#deps.clock.now();
    for (const [key, wanted] of this.#wanted) {
      if (wanted.deadlineMs > now) break;
      if (wanted.tries < this.#limits.maxTries) this.#ask(key, wanted);
      else this.#giveUp(key, wanted);
    }
    this.#arm();
  }

  /** Nobody has it: nothing that needs it can go on, but what those roots miss besides may still come. */
  #giveUp(key: string, wanted: Wanted): void {
    const { id, asked } = wanted;
    this.#remember(key, 'not_found', asked);
    this.#wanted.delete(key);
    for (const root of wanted.roots.keys()) {
      root.wanted.delete(key);
      if (root.wanted.size === 0) this.#forgetRoot(root);
    }
    this.#deps.log.debug({ messageId: messageIdHex(id), count: asked.length }, 'nobody has it');
  }

  /** Too far back: the root rests, and with it what only it wanted. */
  #giveUpRoot(root: Root, beyond: readonly MessageId[]): void {
    const dropped = this.#dropRoot(root);
    for (const { id, asked } of dropped) this.#remember(messageIdHex(id), 'below_horizon', asked);
    for (const key of [root.key, ...beyond.map(messageIdHex)]) {
      if (!this.#wanted.has(key)) this.#remember(key, 'below_horizon', []);
    }
    this.#deps.log.debug({ messageId: root.key, count: root.messageCount }, 'below our horizon');
  }

  #remember(key: string, state: MissingReport['state'], asked: readonly Asked[]): void {
    const againMs = this.#deps.clock.now() + this.#limits.restMs;
    if (state !== 'asking') this.counts[state] += 1;
    this.#givenUp.delete(key);
    this.#givenUp.set(key, { state, asked, againMs });
    const [oldest] = this.#givenUp.keys();
    if (oldest !== undefined && this.#givenUp.size > this.#limits.maxGivenUp) {
      this.#givenUp.delete(oldest);
    }
  }

  /** Returns what only this root wanted. */
  #dropRoot(root: Root): Wanted[] {
    this.#forgetRoot(root);
    const dropped: Wanted[] = [];
    for (const key of root.wanted) {
      const wanted = this.#wanted.get(key);
      wanted?.roots.delete(root);
      if (wanted === undefined || wanted.roots.size > 0) continue;
      this.#wanted.delete(key);
      dropped.push(wanted);
    }
    root.wanted.clear();
    return dropped;
  }

  /** The oldest root of whoever made us fetch for most gives way. */
  #makeRoom(): void {
    const { maxRoots, maxWanted } = this.#limits;
    while (this.#roots.size > maxRoots || this.#wanted.size > maxWanted) {
      let most: ReadonlySet<Root> = new Set();
      for (const roots of this.#rootsOf.values()) if (roots.size > most.size) most = roots;
      const [oldest] = most;
      if (oldest === undefined) return;
      this.#dropRoot(oldest);
    }
  }

  #forgetRoot(root: Root): void {
    this.#roots.delete(root.key);
    const roots = this.#rootsOf.get(root.source);
    roots?.delete(root);
    if (roots?.size === 0) this.#rootsOf.delete(root.source);
  }

  /** A timer that comes too early finds nothing to do and is set again. */
  #arm(): void {
    const [first] = this.#wanted.values();
    if (first === undefined || this.#cancelTimer !== undefined) return;
    const delayMs = Math.max(0, first.deadlineMs - this.#deps.clock.now());
    this.#cancelTimer = this.#deps.setTimer(() => this.#onTimer(), delayMs);
  }
}

function newWanted(id: MessageId, tries: number): Wanted {
  // A copy: as a part of its child's bytes it would keep up to 32 KiB of them.
  return {
    id: asMessageId(new Uint8Array(id)),
    likely: [],
    roots: new Map(),
    asked: [],
    tries,
    deadlineMs: 0,
  };
}
