// A shipped node that others wish ill, with one honest neighbour, and what an attack costs it: CPU, memory and
// disk as the kernel counts them. Linux only.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { networkIdOf } from '../../src/protocol/ids.ts';
import { readRaw } from './client.ts';
import { attachEverywhere, openNetwork, untilHealthy } from './network.ts';
import type { Network } from './network.ts';
import type { NodeProcess } from './node-process.ts';

const MiB = 1024 * 1024;
export const networkId = networkIdOf('midge-private');

type Settings = Record<string, string | number | readonly string[]>;

/** Of an attack, and of the messages that were served meanwhile. */
export interface Cost {
  /** User and system time of all its threads. */
  readonly cpuMs: number;
  /** The most it held at any time, over what it held before. */
  readonly grownBytes: number;
  /** Of the data folder. */
  readonly diskBytes: number;
  /** Only ever a bound for what a limit by the second may let through, however late this machine is. */
  readonly tookMs: number;
}

type Bounds = Omit<Cost, 'tookMs'>;

/** Of an attack that is stopped at its beginning, serving the others included. Measured: 30 to 100 ms, 1 to 3 MiB. */
const stoppedBounds: Bounds = { cpuMs: 1_000, grownBytes: 32 * MiB, diskBytes: MiB };

/** What an attack cost more than it may have, if it was stopped at its beginning. */
export function excessOfStopped(cost: Cost): readonly string[] {
  return excessOf(cost, stoppedBounds);
}

/** The same of one that goes on within its limits by the second: half a core, and queues that are full. */
export function excessOfBounded(cost: Cost): readonly string[] {
  const { cpuMs, grownBytes, diskBytes } = stoppedBounds;
  return excessOf(cost, {
    cpuMs: cpuMs + cost.tookMs / 2,
    grownBytes: 2 * grownBytes,
    diskBytes,
  });
}

function excessOf(cost: Cost, bounds: Bounds): readonly string[] {
  const names = ['cpuMs', 'grownBytes', 'diskBytes'] as const;
  return names
    .filter((name) => cost[name] > bounds[name])
    .map((name) => `${name}: ${cost[name]} > ${bounds[name]}`);
}

export const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

export class Victim implements AsyncDisposable {
  readonly #network: Network;
  readonly #settings: Settings;
  #served = 0;

  private constructor(network: Network, settings: Settings) {
    this.#network = network;
    this.#settings = settings;
  }

  /** Both know and serve each other when it resolves. */
  static async start(given: Settings = {}): Promise<Victim> {
    const settings = { ...given };
    await using opening = new AsyncDisposableStack();
    const network = opening.use(
      await openNetwork([[], [0]], {
        // Of the network they are the same.
        settingsOf: (number) => ({ ...settings, ...(number === 0 ? {} : { 'log.level': 'info' }) }),
      }),
    );
    await Promise.all(network.nodes.map(untilHealthy));
    const victim = new Victim(network, settings);
    // The first of everything costs more than all later ones.
    for (let turn = 0; turn < 3; turn++) await victim.serve();
    opening.move();
    return victim;
  }

  get node(): NodeProcess {
    return this.#network.nodes[0]!;
  }

  get honest(): NodeProcess {
    return this.#network.nodes[1]!;
  }

  get dataDir(): string {
    return this.#network.folders[0]!;
  }

  get address(): string {
    return this.node.gossipAddress;
  }

  /** Stops it, lets its files and settings be changed, and starts it again. */
  async restart(meanwhile: (settings: Settings) => Promise<void> | void): Promise<void> {
    await this.node.stop();
    await meanwhile(this.#settings);
    await this.#network.restart(0);
    await Promise.all(this.#network.nodes.map(untilHealthy));
  }

  /** A client's POST reaches the honest neighbour, and what a client posts there comes back. */
  async serve(): Promise<void> {
    await attachEverywhere([this.node, this.honest], `round ${this.#served++}`);
  }

  /** What the attack costs; others are served twice while it goes on, and once more when it has ended. */
  async costOf(attack: (goesOn: () => boolean) => Promise<unknown>): Promise<Cost> {
    this.#forgetPeak();
    const before = { cpuMs: this.#cpuMs, rssBytes: this.node.rssBytes, diskBytes: this.#diskBytes };
    const startMs = performance.now();
    let isServing = true;
    const attacking = attack(() => isServing);
    try {
      for (let turn = 0; turn < 2; turn++) await this.serve();
    } finally {
      isServing = false;
    }
    await attacking;
    const tookMs = performance.now() - startMs;
    await this.serve();
    return {
      cpuMs: this.#cpuMs - before.cpuMs,
      grownBytes: this.#peakRssBytes - before.rssBytes,
      diskBytes: this.#diskBytes - before.diskBytes,
      tookMs,
    };
  }

  /** Of one neighbour that is connected, by the field's API. */
  async metricsOf(peerId: string): Promise<Readonly<Record<string, number>>> {
    const url = `${this.node.url}/api/v1/peers/${peerId}`;
    const response = await fetch(url, { headers: await this.ownerHeaders() });
    const { data } = (await response.json()) as {
      data?: { gossip?: { metrics: Record<string, number> } };
    };
    return data?.gossip?.metrics ?? {};
  }

  async holds(id: Uint8Array): Promise<boolean> {
    return (await readRaw(this.node.url, Buffer.from(id).toString('hex'))) !== undefined;
  }

  /** The sum of all lines of the metrics that begin so. */
  async metric(beginning: string): Promise<number> {
    const headers = await this.ownerHeaders();
    const text = await (await fetch(`${this.node.url}/metrics`, { headers })).text();
    const values = text.split('\n').filter((line) => line.startsWith(beginning));
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async ownerHeaders(): Promise<Record<string, string>> {
    const token = (await readFile(join(this.dataDir, 'api.token'), 'utf8')).trim();
    return { authorization: `Bearer ${token}` };
  }

  /** Open files and sockets. */
  get openCount(): number {
    return readdirSync(`/proc/${this.node.child.pid}/fd`).length;
  }

  /** Lines of its log that could move a terminal's cursor, or that the node did not begin. */
  get unsafeLines(): readonly string[] {
    return this.node.lines.filter((line) => /\p{Cc}/u.test(line) || !line.startsWith('{'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#network[Symbol.asyncDispose]();
  }

  /** In ticks of 10 ms, as Linux has them on every machine that runs this. */
  get #cpuMs(): number {
    const stat = readFileSync(`/proc/${this.node.child.pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: the state is field 3, user and system time are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  get #peakRssBytes(): number {
    const status = readFileSync(`/proc/${this.node.child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** The kernel's mark of the most begins anew. */
  #forgetPeak(): void {
    writeFileSync(`/proc/${this.node.child.pid}/clear_refs`, '5');
  }

  get #diskBytes(): number {
    let sum = 0;
    for (const entry of readdirSync(this.dataDir, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      // Files go while they are listed.
      if (entry.isFile()) sum += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    }
    return sum;
  }
}
