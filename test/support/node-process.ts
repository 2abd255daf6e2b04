// A real node as a child process: started, watched by its log lines, stopped, killed.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

type Setting = string | number | boolean;

export interface NodeProcessOptions {
  readonly dataDir: string;
  readonly settings?: Readonly<Record<string, Setting | readonly Setting[]>>;
}

interface LogLine {
  readonly event?: string;
  readonly apiUrl?: string;
  readonly mqttUrls?: readonly string[];
  readonly gossipAddresses?: readonly string[];
}

export class NodeProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  url = '';
  /** Of the first port that MQTT has for itself. */
  mqttUrl = '';
  /** With its peer id, as neighbours are told it. */
  gossipAddress = '';
  readonly #watchers = new Set<(line: string) => void>();

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  }

  /** Starts the shipped node on a free port and waits until it says that it is ready. */
  static async start(options: NodeProcessOptions): Promise<NodeProcess> {
    const settings = {
      'data-dir': options.dataDir,
      'api.bind': '127.0.0.1:0',
      'gossip.bind': '/ip4/127.0.0.1/tcp/0',
      'network.min-pow-score': 1,
      'log.format': 'json',
      ...options.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) =>
      [value].flat().flatMap((one) => [`--${name}`, String(one)]),
    );
    const launcher = ['--max-semi-space-size=16', 'bin/midge.js'];
    const child = spawn(process.execPath, [...launcher, 'run', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const node = new NodeProcess(child);
    await node.#ready();
    return node;
  }

  /** What it holds of the machine's memory now. Linux only. */
  get rssBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Waits until the node has logged this text. */
  async logged(text: string): Promise<void> {
    const seen = Promise.withResolvers<void>();
    const look = (line: string): void => {
      if (line.includes(text)) seen.resolve();
    };
    this.lines.forEach(look);
    this.#watchers.add(look);
    await Promise.race([seen.promise, this.exited]);
    this.#watchers.delete(look);
  }

  /** Asks the node to end and waits for it. */
  async stop(): Promise<number | string> {
    this.child.kill('SIGTERM');
    return this.exited;
  }

  /** Ends it as a power cut of the process would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
  }

  async #ready(): Promise<void> {
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error('the node has no output');
    const ready = Promise.withResolvers<void>();
    createInterface({ input: stderr }).on('line', (line) => this.lines.push(line));
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(line);
      for (const look of this.#watchers) look(line);
      const entry = line.startsWith('{') ? (JSON.parse(line) as LogLine) : {};
      if (entry.event !== 'ready') return;
      this.url = entry.apiUrl ?? '';
      this.mqttUrl = entry.mqttUrls?.[0] ?? '';
      this.gossipAddress = entry.gossipAddresses?.[0] ?? '';
      ready.resolve();
    });
    const died = this.exited.then((code) => {
      throw new Error(`the node ended with ${code} before it was ready:\n${this.lines.join('\n')}`);
    });
    await Promise.race([ready.promise, died]);
    died.catch(() => undefined);
  }
}
