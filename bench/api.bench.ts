// How much of a bare HTTP server's speed is left once there is a node behind it? Same bytes, same load,
// same run. The CPU of the server is what counts: the load generator shares the cores.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { attach, isAcknowledged } from '../test/support/client.ts';
import { aMessage } from '../test/support/messages.ts';
import { aFolder } from '../test/support/folder.ts';
import { NodeProcess } from '../test/support/node-process.ts';
import { networkIdOf, parseMessageId } from '../src/protocol/ids.ts';
import { median } from './table.ts';
import type { Mode, Row } from './table.ts';

const connections = 16;
/** Of /proc/PID/stat; fixed by Linux for user space. */
const ticksPerSecond = 100;

interface Call {
  readonly path: string;
  readonly body?: Uint8Array;
}

interface Load {
  readonly perSecond: number;
  readonly cpuUs: number;
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function oneCall(url: string, call: Call, agent: Agent): Promise<void> {
  const { body } = call;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = body === undefined ? {} : { 'content-type': 'application/octet-stream' };
  const method = body === undefined ? 'GET' : 'POST';
  const outgoing = request(`${url}${call.path}`, { agent, method, headers }, (response) => {
    if (response.statusCode !== 200 && response.statusCode !== 201) {
      reject(new Error(`${call.path}: ${response.statusCode}`));
    }
    response.resume().on('end', resolve);
  });
  outgoing.on('error', reject).end(body);
  await promise;
}

/** Sends all calls over a few kept-alive connections. */
async function load(target: Target, calls: readonly Call[]): Promise<Load> {
  using agent = disposable(new Agent({ keepAlive: true, maxSockets: connections }));
  let next = 0;
  const client = async (): Promise<void> => {
    for (let call = calls[next++]; call !== undefined; call = calls[next++]) {
      await oneCall(target.url, call, agent.value);
    }
  };
  const cpuBefore = cpuSeconds(target.pid);
  const startMs = performance.now();
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - startMs) / 1000;
  return {
    perSecond: calls.length / seconds,
    cpuUs: ((cpuSeconds(target.pid) - cpuBefore) * 1e6) / calls.length,
  };
}

function disposable(value: Agent): Disposable & { readonly value: Agent } {
  return { value, [Symbol.dispose]: () => value.destroy() };
}

interface Target {
  readonly url: string;
  readonly pid: number;
}

/** A server that does nothing but answer this text. */
async function bareServer(answer: string): Promise<Target & { readonly child: ChildProcess }> {
  const code = `
    const body = Buffer.from(process.argv[1]);
    require('node:http').createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
        response.end(body);
      });
    }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;
  const child = spawn(process.execPath, ['-e', code, answer], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, child };
}

async function compare(
  what: string,
  makeCalls: (round: number) => readonly Call[],
  targets: { readonly node: Target; readonly bare: Target; readonly rounds: number },
): Promise<readonly Row[]> {
  const ours: Load[] = [];
  const theirs: Load[] = [];
  for (let round = 0; round < targets.rounds; round++) {
    const calls = makeCalls(round);
    theirs.push(await load(targets.bare, calls));
    ours.push(await load(targets.node, calls));
  }
  const cpuUs = median(ours.map((result) => result.cpuUs));
  return [
    {
      bench: 'api',
      what,
      value: median(ours.map((result) => result.perSecond)),
      unit: 'requests/s',
      ratio:
        median(ours.map((result) => result.perSecond)) / median(theirs.map((r) => r.perSecond)),
      against: 'bare node:http, same bytes',
    },
    {
      bench: 'api',
      what: `${what}: CPU of the server`,
      value: cpuUs,
      unit: 'us',
      ratio: median(theirs.map((result) => result.cpuUs)) / cpuUs,
      against: 'bare node:http, same bytes',
    },
  ];
}

const index = (n: number): string => Buffer.from(`bench ${n % 50}`).toString('hex');

export async function apiBench(mode: Mode): Promise<readonly Row[]> {
  await using folder = await aFolder();
  await using process = await NodeProcess.start({ dataDir: folder.path });
  const node = { url: process.url, pid: process.child.pid ?? 0 };
  const count = mode.isSmoke ? 20 : 5_000;
  const rounds = mode.isSmoke ? 1 : 5;
  const ids: string[] = [];
  for (let n = 0; n < (mode.isSmoke ? 5 : 500); n++) {
    const answer = await attach(node.url, `bench ${n % 50}`, `message ${n} `.padEnd(150, '.'));
    if (isAcknowledged(answer)) ids.push(answer.id);
  }
  const first = ids[0] ?? '';
  const sample = await (await fetch(`${node.url}/api/v1/messages/${first}`)).text();
  const bare = await bareServer(sample);
  const targets = { node, bare, rounds };
  const parent = parseMessageId(first, 'id');
  const networkId = networkIdOf('midge-private');
  const attaches = (round: number): Call[] =>
    Array.from({ length: Math.min(count, 1_000) }, (_, n) => ({
      path: '/api/v1/messages',
      body: aMessage({ parents: [parent], networkId, data: `${round} ${n}`.padEnd(150, '.') })
        .bytes,
    }));
  const reads = (path: (n: number) => string) => (): Call[] =>
    Array.from({ length: count }, (_, n) => ({ path: path(n) }));
  const rows = [
    ...(await compare(
      'read by id',
      reads((n) => `/api/v1/messages/${ids[n % ids.length]}`),
      targets,
    )),
    ...(await compare(
      'search by index',
      reads((n) => `/api/v1/messages?index=${index(n)}`),
      targets,
    )),
    ...(await compare('attach without work, power-loss', attaches, targets)),
  ];
  bare.child.kill();
  return rows;
}
