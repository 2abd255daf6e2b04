// Who is kept out, and until when: peers by their id, and blocks of addresses, because new ids cost nothing. Each
// ban of the same one lasts longer; kept over restarts.
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { readIfThere, replaceFile } from '../files.ts';

const firstBanMs = 60_000;
const longestBanMs = 24 * 3_600_000;
const growth = 4;
/** After so long without a new one, a ban is forgotten. */
const forgottenAfterMs = 7 * 24 * 3_600_000;
/** Those that came first make room. */
const maxBans = 4_096;

interface Ban {
  readonly untilMs: number;
  /** How many there were, this one included. */
  readonly count: number;
}

export class Bans {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #bans: Map<string, Ban>;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, clock: Clock, bans: Map<string, Ban>) {
    this.#path = path;
    this.#clock = clock;
    this.#bans = bans;
  }

  /** A file that cannot be understood is as good as none: bans protect, they must not keep a node down. */
  static async open(dataDir: string, clock: Clock): Promise<Bans> {
    const path = join(dataDir, 'bans.json');
    return new Bans(path, clock, parseBans((await readIfThere(path))?.toString() ?? '{}'));
  }

  /** @param who a peer id or a block such as 192.0.2.0/24, which no peer id looks like */
  has(who: string): boolean {
    const ban = this.#bans.get(who);
    return ban !== undefined && ban.untilMs > this.#clock.now();
  }

  /** How many are kept out now. */
  get counts(): { readonly peers: number; readonly blocks: number } {
    const banned = [...this.#bans.keys()].filter((who) => this.has(who));
    const blocks = banned.filter((who) => who.includes('/')).length;
    return { peers: banned.length - blocks, blocks };
  }

  /** Returns for how long. */
  add(who: string): number {
    const nowMs = this.#clock.now();
    const before = this.#bans.get(who);
    const isForgotten = before === undefined || nowMs - before.untilMs > forgottenAfterMs;
    const count = isForgotten ? 1 : before.count + 1;
    const durationMs = Math.min(longestBanMs, firstBanMs * growth ** (count - 1));
    this.#bans.delete(who);
    this.#bans.set(who, { untilMs: nowMs + durationMs, count });
    for (const oldest of this.#bans.keys()) {
      if (this.#bans.size <= maxBans) break;
      this.#bans.delete(oldest);
    }
    return durationMs;
  }

  /** Writes the file; calls that overlap are done one after the other. */
  save(): Promise<void> {
    const write = (): Promise<void> =>
      replaceFile(this.#path, `${JSON.stringify(Object.fromEntries(this.#bans), undefined, 2)}\n`);
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }

  /** Done when nothing is being written any more, whether or not that went well. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#saving]);
  }
}

function parseBans(text: string): Map<string, Ban> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return new Map();
    const entries = Object.entries<unknown>({ ...parsed });
    return new Map(entries.filter((entry): entry is [string, Ban] => isBan(entry[1])));
  } catch {
    return new Map();
  }
}

function isBan(value: unknown): value is Ban {
  if (typeof value !== 'object' || value === null) return false;
  if (!('untilMs' in value) || !('count' in value)) return false;
  return Number.isFinite(value.untilMs) && Number.isSafeInteger(value.count) && value.count !== 0;
}
