// Does mining keep to its CPU budget, does it use it, and what do the API's readers notice?
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../src/clock.ts';
import { silentLogger } from '../src/log.ts';
import { openPowService } from '../src/pow/service.ts';
import { aFolder } from '../test/support/folder.ts';
import { NodeProcess } from '../test/support/node-process.ts';
import type { Mode, Row } from './table.ts';

const budgets = [0.1, 0.25, 0.5, 1];
/** Days of work, so that mining goes on until it is told to stop. */
const endlessZeros = 28;
/** Hours of work: the node takes no job that it cannot do within a day. */
const longZeros = 22;
const longestBytes = 300;
const windowMs = 2_000;

interface Look {
  readonly atMs: number;
  /** CPU time of all miners. */
  readonly cpuMs: number;
  /** Ready to run, but others had the cores. */
  readonly heldUpMs: number;
}

const threadIds = (): string[] => readdirSync('/proc/self/task');

/** What the kernel has given these threads, to the nanosecond: not what the miners say of themselves. */
function look(threads: readonly string[]): Look {
  const fields = threads.map((id) =>
    readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ').map(Number),
  );
  const sumMs = (index: number): number => fields.reduce((sum, ns) => sum + ns[index]! / 1e6, 0);
  return { atMs: performance.now(), cpuMs: sumMs(0), heldUpMs: sumMs(1) };
}

async function looks(threads: readonly string[], totalMs: number): Promise<readonly Look[]> {
  const all: Look[] = [];
  const startMs = performance.now();
  while (performance.now() - startMs <= totalMs) {
    all.push(look(threads));
    await pause(50);
  }
  return all;
}

const share = (from: Look, to: Look): number =>
  (to.cpuMs - from.cpuMs) / (to.atMs - from.atMs) / availableParallelism();

function largestWindow(all: readonly Look[]): number {
  const shares = all.map((from) => {
    const to = all.find(({ atMs }) => atMs - from.atMs >= windowMs);
    return to === undefined ? 0 : share(from, to);
  });
  return Math.max(...shares);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function miningRows(budget: number, { isSmoke }: Mode): Promise<readonly Row[]> {
  const before = new Set(threadIds());
  await using service = await openPowService(
    {
      workers: availableParallelism(),
      cpuBudget: budget,
      maxZeros: endlessZeros,
      queueSize: 1,
      refreshTipsIntervalMs: 5_000,
      maxJobMs: Infinity,
      quotaHashesPerMinute: 0,
      minPowScore: 4_000,
      wideVectors: false,
    },
    { log: silentLogger, clock: systemClock },
  );
  const threads = threadIds().filter((id) => !before.has(id));
  const stopper = new AbortController();
  const job = { zeros: endlessZeros, sizeBytes: 300, client: 'bench', signal: stopper.signal };
  const mined = service.mine({ ...job, digest: new Uint8Array(32) }).catch(() => undefined);
  const all = await looks(threads, isSmoke ? windowMs + 100 : 12_000);
  const { hashesPerSecond } = service.status();
  stopper.abort();
  await mined;
  const [first, last] = [all[0]!, all.at(-1)!];
  const mean = share(first, last);
  const heldUp = (last.heldUpMs - first.heldUpMs) / (last.atMs - first.atMs) / threads.length;
  const largest = largestWindow(all);
  const row = { bench: 'budget', unit: 'of all cores', against: 'the budget' };
  return [
    {
      ...row,
      what: `budget ${budget}: most in two seconds`,
      value: largest,
      ratio: largest / budget,
    },
    { ...row, what: `budget ${budget}: mean`, value: mean, ratio: mean / budget },
    {
      bench: 'budget',
      what: `budget ${budget}: held up by others`,
      value: heldUp,
      unit: 'of the time',
    },
    { bench: 'budget', what: `budget ${budget}: mining`, value: hashesPerSecond, unit: 'hashes/s' },
  ];
}

/** One request after the other, as a reader would notice it. */
async function p99Ms(url: string, requests: number): Promise<number> {
  const latenciesMs: number[] = [];
  for (let count = 0; count < requests; count++) {
    const startMs = performance.now();
    await (await fetch(`${url}/api/v1/info`)).text();
    latenciesMs.push(performance.now() - startMs);
    await pause(1);
  }
  return latenciesMs.toSorted((a, b) => a - b)[Math.floor(requests * 0.99)]!;
}

/** The node that ships, idle and then with a message to mine that it will not finish. */
async function readerRows(budget: number, { isSmoke }: Mode): Promise<readonly Row[]> {
  await using folder = await aFolder();
  await using node = await NodeProcess.start({
    dataDir: folder.path,
    settings: {
      'pow.cpu-budget': budget,
      'pow.workers': availableParallelism(),
      'pow.max-zeros': longZeros,
      'pow.max-job-ms': 24 * 3_600_000,
      'network.min-pow-score': Math.floor(3 ** longZeros / longestBytes),
    },
  });
  const requests = isSmoke ? 5 : 2_000;
  await p99Ms(node.url, requests / 5);
  const idleMs = await p99Ms(node.url, requests);
  const stopper = new AbortController();
  const mined = fetch(`${node.url}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ payload: { type: 2, index: '00', data: '00'.repeat(100) } }),
    signal: stopper.signal,
  }).then(
    async (response) =>
      Promise.reject(new Error(`the node did not mine: ${await response.text()}`)),
    () => undefined,
  );
  const miningMs = await Promise.race([p99Ms(node.url, requests), mined]);
  stopper.abort();
  await mined;
  const value = miningMs ?? 0;
  const what = `budget ${budget}: GET /api/v1/info while mining, p99`;
  return [{ bench: 'budget', what, value, unit: 'ms', ratio: idleMs / value, against: 'idle' }];
}

export async function budgetBench(mode: Mode): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const budget of budgets) rows.push(...(await miningRows(budget, mode)));
  for (const budget of budgets) rows.push(...(await readerRows(budget, mode)));
  return rows;
}
