// Child processes of benches, and what the kernel says they cost.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Go, PeerReport, PeerTask, Told } from './gossip-peer.ts';

/** Ticks of /proc, which is 100 a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

export interface Cost {
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

/** Of a process since it began. */
export function costOf(pid: number | undefined): Cost {
  // The name in parentheses may hold spaces; behind it the fields are fixed.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    peakRssBytes: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024,
  };
}

/** Seconds from the first message in a node's store until there are so many. */
export async function untilStored(url: string, count: number): Promise<number> {
  let startMs = performance.now();
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const stored = Number(/^midge_store_messages (\d+)/m.exec(metrics)?.[1]);
    if (stored >= count) return (performance.now() - startMs) / 1000;
    if (stored === 0) startMs = performance.now();
    await setTimeout(stored === 0 ? 2 : 20);
  }
}

export class BenchPeer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #done = Promise.withResolvers<PeerReport>();
  address = '';
  peerId = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#done.promise.catch(() => undefined);
    child.once('exit', (code) => this.#done.reject(new Error(`a bench peer ended with ${code}`)));
  }

  static async start(task: PeerTask): Promise<BenchPeer> {
    const script = join(import.meta.dirname, 'gossip-peer.ts');
    const execArgv = ['--max-semi-space-size=16'];
    const peer = new BenchPeer(fork(script, [JSON.stringify(task)], { execArgv }));
    const ready = Promise.withResolvers<void>();
    peer.#child.on('message', (message) => {
      const told = message as Told;
      if (told.kind === 'done') peer.#done.resolve(told.report);
      else {
        peer.address = told.address;
        peer.peerId = told.peerId;
        ready.resolve();
      }
    });
    await Promise.race([ready.promise, peer.#done.promise]);
    return peer;
  }

  go(address: string): void {
    const go: Go = { address };
    this.#child.send(go);
  }

  /** Tells a sender that all has arrived. */
  finish(): Promise<PeerReport> {
    this.#child.send('finish');
    return this.report;
  }

  /** What a receiver says when it has received all. */
  get report(): Promise<PeerReport> {
    return this.#done.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
