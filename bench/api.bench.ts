// How much of a bare HTTP server's speed is left once there is a node behind it? Same bytes, same load, in turns.
// The CPU of the server is what counts: the load generator shares the cores.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import autocannon from 'autocannon';
import type { Request } from 'autocannon';
import { attach, isAcknowledged } from '../test/support/client.ts';
import { aMessage } from '../test/support/messages.ts';
import { aFolder } from '../test/support/folder.ts';
import { NodeProcess } from '../test/support/node-process.ts';
import { networkIdOf, parseMessageId } from '../src/protocol/ids.ts';
import type { Answers } from './bare-server.ts';
import { median } from './table.ts';
import type { Mode, Row } from './table.ts';

const connections = 16;
/** Of /proc/PID/stat; fixed by Linux for user space. */
const ticksPerSecond = 100;
/** Read again and again, as those are that clients wait for: the store has them in memory, as the bare server does. */
const messageCount = 500;
const indexCount = 50;

interface Target {
  readonly url: string;
  readonly pid: number;
}

interface Load {
  readonly perSecond: number;
  readonly cpuUs: number;
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** As a proxy sends them for somebody with a token: nothing of what keeps strangers in bounds is left out. */
const settings = {
  'api.trusted-proxies': '127.0.0.1',
  'api.max-requests-per-minute': 10_000_000,
};

async function strangerHeaders({ url }: Target, dataDir: string): Promise<Record<string, string>> {
  const owner = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
  const response = await fetch(`${url}/api/midge/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' },
    body: JSON.stringify({ scopes: ['read', 'attach'], lifetimeMs: 3_600_000 }),
  });
  const { data } = (await response.json()) as { data: { token: string } };
  return { authorization: `Bearer ${data.token}`, 'x-forwarded-for': '203.0.113.7' };
}

/** Sends all requests once, over a few kept-alive connections, each its share. */
async function load(target: Target, requests: readonly Request[]): Promise<Load> {
  let next = 0;
  let startMs = 0;
  let endMs = 0;
  const share = requests.length / connections;
  const cpuBefore = cpuSeconds(target.pid);
  const result = await autocannon({
    url: target.url,
    connections,
    amount: requests.length,
    setupClient: (client) => {
      client.setRequests(requests.slice(next, next + share));
      next += share;
      startMs ||= performance.now();
      client.on('response', () => (endMs = performance.now()));
    },
  });
  const cpu = cpuSeconds(target.pid) - cpuBefore;
  if (result['2xx'] !== requests.length) {
    throw new Error(`of ${requests.length} requests ${result['2xx']} were answered as wanted`);
  }
  return {
    perSecond: requests.length / ((endMs - startMs) / 1000),
    cpuUs: (cpu * 1e6) / requests.length,
  };
}

async function startBareServer(answers: Answers): Promise<Target & Disposable> {
  // With the flags of the launcher: memory for garbage is a trade that both make alike.
  const execArgv = ['--max-semi-space-size=16'];
  const child = fork(join(import.meta.dirname, 'bare-server.ts'), { execArgv });
  child.send(answers);
  const [port] = (await once(child, 'message')) as [number];
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    [Symbol.dispose]: () => void child.kill(),
  };
}

interface Sides {
  readonly node: Target;
  readonly bare: Target;
  readonly rounds: number;
}

interface Question {
  readonly what: string;
  readonly requestsOf: (round: number) => readonly Request[];
  /** The share of the bare server's requests a second that is to be left. */
  readonly bar?: number;
}

async function compare(
  { what, requestsOf, bar }: Question,
  { node, bare, rounds }: Sides,
): Promise<readonly Row[]> {
  const ours: Load[] = [];
  const theirs: Load[] = [];
  // The first round is for the compilers of both.
  for (let round = 0; round <= rounds; round++) {
    const requests = requestsOf(round);
    const isCounted = round > 0;
    const bareLoad = await load(bare, requests);
    const nodeLoad = await load(node, requests);
    if (isCounted) theirs.push(bareLoad);
    if (isCounted) ours.push(nodeLoad);
  }
  const ratioOf = (value: (of: Load) => number): number =>
    median(ours.map((one, round) => value(one) / value(theirs[round]!)));
  const against = 'bare node:http, same bytes';
  return [
    {
      bench: 'api',
      what,
      value: median(ours.map(({ perSecond }) => perSecond)),
      unit: 'requests/s',
      ratio: ratioOf(({ perSecond }) => perSecond),
      against,
      ...(bar !== undefined && { bar: { of: 'ratio' as const, atLeast: bar } }),
    },
    {
      bench: 'api',
      what: `${what}: CPU of the server`,
      value: median(ours.map(({ cpuUs }) => cpuUs)),
      unit: 'us',
      ratio: 1 / ratioOf(({ cpuUs }) => cpuUs),
      against,
    },
  ];
}

const indexHex = (n: number): string => Buffer.from(`bench ${n % indexCount}`).toString('hex');
const messagePath = (id: string): string => `/api/v1/messages/${id}`;
const searchPath = (n: number): string => `/api/v1/messages?index=${indexHex(n)}`;

/** The ids of messages under each index in turn. */
async function fill({ url }: Target, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const answer = await attach(url, `bench ${n % indexCount}`, `message ${n} `.padEnd(150, '.'));
    if (!isAcknowledged(answer)) throw new Error(answer.body);
    ids.push(answer.id);
  }
  return ids;
}

/** What the node itself answers, for the other side to say the same. */
async function answersOf({ url }: Target, ids: readonly string[]): Promise<Answers> {
  const paths = [
    ...ids.map(messagePath),
    ...Array.from({ length: indexCount }, (_, n) => searchPath(n)),
  ];
  const answers: Record<string, { status: number; body: string }> = {};
  for (const path of paths) {
    const response = await fetch(url + path);
    answers[path] = { status: response.status, body: await response.text() };
  }
  const body = JSON.stringify({ data: { messageId: ids[0] } });
  return { ...answers, '/api/v1/messages': { status: 201, body } };
}

export async function apiBench(mode: Mode): Promise<readonly Row[]> {
  await using folder = await aFolder();
  await using process = await NodeProcess.start({ dataDir: folder.path, settings });
  const node = { url: process.url, pid: process.child.pid ?? 0 };
  const headers = await strangerHeaders(node, folder.path);
  const ids = await fill(node, mode.isSmoke ? indexCount : messageCount);
  using bare = await startBareServer(await answersOf(node, ids));
  const sides = { node, bare, rounds: mode.isSmoke ? 1 : 5 };
  const [readCount, attachCount] = mode.isSmoke ? [160, 32] : [16_000, 1_600];
  const reads = (path: (n: number) => string) => (): Request[] =>
    Array.from({ length: readCount }, (_, n) => ({ method: 'GET', path: path(n), headers }));
  const attaches = attachesUnder(ids[0] ?? '', attachCount, headers);
  const questions: readonly Question[] = [
    {
      what: 'read by id',
      requestsOf: reads((n) => messagePath(ids[n % ids.length] ?? '')),
      // One small round says nothing.
      ...(!mode.isSmoke && { bar: 0.4 }),
    },
    { what: 'search by index, 10 hits', requestsOf: reads(searchPath) },
    { what: 'attach of bytes, power-loss, score 1, 16 at a time', requestsOf: attaches },
  ];
  const rows: Row[] = [];
  for (const question of questions) rows.push(...(await compare(question, sides)));
  return rows;
}

/** Messages that nobody has seen, with their nonces. */
function attachesUnder(
  parentId: string,
  count: number,
  given: Readonly<Record<string, string>>,
): (round: number) => Request[] {
  const parents = [parseMessageId(parentId, 'id')];
  const networkId = networkIdOf('midge-private');
  const headers = { ...given, 'content-type': 'application/octet-stream' };
  return (round) =>
    Array.from({ length: count }, (_, n) => {
      const data = `${round} ${n}`.padEnd(150, '.');
      const body = Buffer.from(aMessage({ parents, networkId, data }).bytes);
      return { method: 'POST', path: '/api/v1/messages', headers, body };
    });
}
