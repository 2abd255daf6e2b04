// Three nodes with different budgets, as a proxy has them behind it, and the load on them.
import { Agent, request } from 'node:http';
import { askAgent } from '../../src/proxies/ask-agents.ts';
import { writeCertificate } from './certificate.ts';
import type { TestCertificate } from './certificate.ts';
import { aFolder } from './folder.ts';
import { NodeProcess } from './node-process.ts';
import { freePort } from './proxy-process.ts';

/** Of a message with some hundred bytes: some 20 000 hashes, ten to thirty milliseconds with these budgets. */
export const minPowScore = 100;
const budgets = [0.2, 0.1, 0.05] as const;

export interface Place {
  /** `HOST:PORT`. */
  readonly api: string;
  readonly agent: string;
}

export interface Nodes extends AsyncDisposable {
  readonly nodes: readonly NodeProcess[];
  readonly places: readonly Place[];
}

/** An address of its own for each: Apache tells nodes apart by it. */
export async function threePlaces(): Promise<Place[]> {
  const places: Place[] = [];
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    const [api, agent] = [await freePort(host), await freePort()];
    places.push({ api: `${host}:${api}`, agent: `127.0.0.1:${agent}` });
  }
  return places;
}

export interface NodesWish {
  readonly weights?: readonly number[];
  readonly heartbeatUrl?: string | undefined;
  /** One for each node. */
  readonly certificates?: readonly TestCertificate[];
}

export async function startNodes(
  places: readonly Place[],
  { weights = [1, 1, 1], heartbeatUrl, certificates = [] }: NodesWish = {},
): Promise<Nodes> {
  await using opening = new AsyncDisposableStack();
  const started = places.map(async ({ api, agent }, index) => {
    const folder = await aFolder();
    const own = certificates[index];
    const paths = own && (await writeCertificate(folder.path, own));
    const node = await NodeProcess.start({
      dataDir: folder.path,
      settings: {
        'api.bind': api,
        'api.agent-bind': agent,
        'api.trusted-proxies': '127.0.0.1',
        'api.max-requests-per-minute': 0,
        'api.node-number': index + 1,
        'api.weight': weights[index] ?? 1,
        'pow.workers': 1,
        'pow.cpu-budget': budgets[index] ?? 1,
        'network.name': 'midge-test',
        'network.min-pow-score': minPowScore,
        ...(paths && { 'api.tls.cert-file': paths.certFile, 'api.tls.key-file': paths.keyFile }),
        ...(heartbeatUrl === undefined ? {} : { 'api.heartbeat-url': heartbeatUrl }),
      },
    });
    return { folder, node };
  });
  const nodes: NodeProcess[] = [];
  for (const { folder, node } of await Promise.all(started)) {
    opening.use(folder);
    nodes.push(opening.use(node));
  }
  const owned = opening.move();
  return { nodes, places, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What each agent says now of its spare compute, in percent. */
export async function sparesOf(places: readonly Place[], pool: 'api' | 'pow'): Promise<number[]> {
  const lines = await Promise.all(
    places.map(({ agent }) => {
      const [host = '', port] = agent.split(':');
      return askAgent({ host, port: Number(port) }, pool);
    }),
  );
  return lines.map((line) => Number(/^up ready (\d+)%/.exec(line ?? '')?.[1] ?? 0));
}

/** A counter of each node; lines are matched by their beginning and added up. */
export async function counted(nodes: readonly NodeProcess[], line: RegExp): Promise<number[]> {
  return Promise.all(
    nodes.map(async ({ url }) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const values = text.split('\n').filter((one) => line.test(one));
      return values.reduce((sum, one) => sum + Number(one.split(' ').at(-1)), 0);
    }),
  );
}

export interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Got {
  /** 0 when the connection broke. */
  readonly status: number;
  readonly text: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** Never throws: what a client sees of a broken connection is counted like a status. */
export function send(url: string, { method = 'GET', path, headers, body }: Sent, agent?: Agent) {
  const { promise, resolve } = Promise.withResolvers<Got>();
  const broken = (): void => resolve({ status: 0, text: '', headers: {} });
  const sent = request(url + path, { method, headers, agent }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', broken);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, text, headers: response.headers });
    });
  });
  sent.on('error', broken);
  sent.end(body);
  return promise;
}

export interface Load {
  readonly url: string;
  readonly clients: number;
  readonly requests: number;
  readonly make: (nth: number) => Sent;
  /** After each answer. */
  readonly onAnswer?: (nth: number) => void;
  /** As a client does whom a 503 tells that nothing was done and that it may come again. */
  readonly comesAgain?: boolean;
  /** As a client does whose kept-alive connection ends without an answer; only what is safe to send again may be sent. */
  readonly dialsAgain?: boolean;
}

/** Clients that send the next request when they have the answer to the last; how often each status came. */
export async function closedLoop(load: Load): Promise<Map<number, number>> {
  const { url, clients, requests, make, onAnswer, comesAgain = false, dialsAgain = false } = load;
  const statuses = new Map<number, number>();
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  let next = 0;
  let done = 0;
  const isToComeAgain = (status: number): boolean =>
    (comesAgain && status === 503) || (dialsAgain && status === 0);
  const client = async (): Promise<void> => {
    while (next < requests) {
      const sent = make(next++);
      let { status } = await send(url, sent, agent);
      while (isToComeAgain(status)) ({ status } = await send(url, sent, agent));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      onAnswer?.(++done);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return statuses;
}
