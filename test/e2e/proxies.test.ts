// Real proxies, with the configurations that midge prints, in front of three real nodes.
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { hex, incomplete } from '../support/client.ts';
import { aMessage } from '../support/messages.ts';
import {
  closedLoop,
  counted,
  minPowScore,
  send,
  sparesOf,
  startNodes,
  threePlaces,
} from '../support/nodes.ts';
import type { Nodes, Sent } from '../support/nodes.ts';
import { freePort, isInstalled, proxyKinds, startProxy } from '../support/proxy-process.ts';
import type { ProxyKind, ProxyProcess } from '../support/proxy-process.ts';

const read: Sent = { path: '/api/v1/info' };
const readsOf = /^iota_restapi_requests_total\{.*url="\/api\/v1\/info"/;
const answersTo = (pool: string): RegExp => new RegExp(`^midge_agent_answers_total.*"${pool}"`);

const complete = (data: string): Sent => ({
  method: 'POST',
  path: '/api/v1/messages',
  headers: { 'content-type': 'application/octet-stream' },
  body: aMessage({ data, minScore: minPowScore }).bytes,
});

interface Stage extends Nodes {
  readonly proxy: ProxyProcess;
}

/** Nodes and one proxy in front of them that knows all three. */
async function stage(kind: ProxyKind, weights?: readonly number[]): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const places = await threePlaces();
  const port = await freePort();
  const proxy = opening.use(
    await startProxy({
      kind,
      nodes: places.map(({ api }) => api),
      agents: places.map(({ agent }) => agent),
      port,
    }),
  );
  const heartbeatUrl = kind === 'apache' ? `${proxy.url}/midge-heartbeat` : undefined;
  const started = opening.use(
    await startNodes(places, { ...(weights && { weights }), heartbeatUrl }),
  );
  const owned = opening.move();
  const { nodes } = started;
  const all = { nodes, places, proxy, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  await knowsAll(all, kind);
  return all;
}

/** Until each node has been asked twice by who asks, and has served something. */
async function knowsAll({ nodes, proxy }: Stage, kind: ProxyKind): Promise<void> {
  const isAsked = kind === 'haproxy' || kind === 'nginx-lua';
  for (;;) {
    await closedLoop({ url: proxy.url, clients: 3, requests: 30, make: () => read });
    const served = await counted(nodes, readsOf);
    const asked = isAsked ? await counted(nodes, answersTo('api')) : [2];
    if (Math.min(...served) >= 1 && Math.min(...asked) >= 2) return;
  }
}

const weighted: readonly ProxyKind[] = ['haproxy', 'nginx-lua', 'apache'];
const weights = [[[1, 1, 1]], [[1, 0.5, 0.25]], [[0.1, 1, 0.1]], [[0.75, 0.2, 0.05]]];
/** Who asks spreads by the last answer: so many answers of each node make a round that follows the load. */
const agentAnswers = { warmUp: 3, counted: 6 };
const roundOf = 500;
/** The others take turns; Apache draws lots, whose chance needs more of them to even out. */
const leastReads: Partial<Record<ProxyKind, number>> = { apache: 6_000 };

/** Reads until there were enough of them and each node was asked often enough by the proxy itself. */
async function readUntil(
  { nodes, proxy }: Stage,
  least: { readonly reads: number; readonly answers: number },
  sample?: () => Promise<unknown>,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const before = await counted(nodes, answersTo('api'));
  let [reads, sampled, asked] = [0, 0, 0];
  while (reads < least.reads || asked < least.answers) {
    const samples: Promise<unknown>[] = [];
    const onAnswer = (nth: number): void => {
      if (sample !== undefined && nth % 100 === 0) samples.push(sample());
    };
    const load = { url: proxy.url, clients: 2, requests: roundOf, make: () => read, onAnswer };
    for (const [status, count] of await closedLoop(load)) {
      statuses.set(status, (statuses.get(status) ?? 0) + count);
    }
    await Promise.all(samples);
    [reads, sampled] = [reads + roundOf, sampled + samples.length];
    // The test asks too.
    asked = Math.min(...minus(await counted(nodes, answersTo('api')), before)) - sampled;
  }
  return statuses;
}

/** Points of a hundred. */
const tolerance = 3;

describe.each(weighted)('%s by weight', (kind) => {
  it.skipIf(!isInstalled(kind)).each(weights)(
    'shares reads out by spare compute, weights %j',
    async (setting) => {
      await using test = await stage(kind, setting);
      const asks = kind !== 'apache';
      // Load changes what is offered, and the proxy follows: the first reads are not counted.
      await readUntil(test, { reads: 1_500, answers: asks ? agentAnswers.warmUp : 0 });
      const before = await counted(test.nodes, readsOf);
      let offered = test.nodes.map(() => 0);
      const least = { reads: leastReads[kind] ?? 2_000, answers: asks ? agentAnswers.counted : 0 };
      const statuses = await readUntil(test, least, async () => {
        const spares = await sparesOf(test.places, 'api');
        offered = plus(offered, spares);
      });
      const served = minus(await counted(test.nodes, readsOf), before);
      expect([...statuses.keys()]).toEqual([200]);
      const [shares, expected] = [percentOf(served), percentOf(offered)];
      const words = `served ${shares.join(' ')}, offered ${expected.join(' ')}`;
      const worst = Math.max(...minus(shares, expected).map(Math.abs));
      // The text is what a failure shows.
      expect(worst <= tolerance ? 'as offered' : words).toBe('as offered');
    },
  );
});

describe.skipIf(!isInstalled('haproxy'))('haproxy', () => {
  it('knows of a change of spare compute when it has asked twice, which is a second', async () => {
    await using test = await stage('haproxy');
    const [node] = test.nodes;
    // A machine that is busy with other tests has little to spare at first.
    const weight = async () => Number(await test.proxy.statOf('midge_pow/n1', 'weight'));
    await expect.poll(weight).toBeGreaterThan(3);
    // Some seconds of work each.
    const work = { ...incomplete('change', 'x'.repeat(30_000)), path: '/api/midge/v1/attach' };
    for (let job = 0; job < 8; job++) expect((await send(node!.url, work)).status).toBe(202);
    let [percent] = await sparesOf(test.places, 'pow');
    while (percent !== 1) [percent] = await sparesOf(test.places, 'pow');
    const asked = async () => (await counted([node!], answersTo('pow')))[0] ?? 0;
    const since = await asked();
    while ((await asked()) < since + 2);
    expect(await weight()).toBe(1);
  });
});

const clients = 6;
/**
 * Attaches that may get lost where nobody may send them again: what every client had under way on
 * the node that went, and once more. The sockets of a killed process are closed one after the
 * other, so who is told by the first may still send into the next.
 */
const mayGetLost = 2 * clients;

describe.each(proxyKinds)('%s', (kind) => {
  const retriesAttaches = kind === 'haproxy' || kind === 'nginx-lua';
  describe.skipIf(!isInstalled(kind))('in front of three nodes', () => {
    let test: Stage;
    beforeAll(async () => {
      test = await stage(kind);
    });
    afterAll(() => test[Symbol.asyncDispose]());

    it.each([
      '/metrics',
      '//metrics',
      '/api/v1/peers',
      '/API/V1/PEERS',
      '/api/v1/%70eers/x',
      '/api/midge/v1/tokens',
    ])('keeps %s inside', async (path) => {
      const { status, text } = await send(test.proxy.url, { path });
      expect([404, 403]).toContain(status);
      expect(text).not.toContain('midge_');
    });

    it('finds the node of a job, and passes its events on', async () => {
      for (let job = 0; job < 6; job++) {
        const asked = { ...incomplete('jobs', `${job}`), path: '/api/midge/v1/attach' };
        const posted = await send(test.proxy.url, asked);
        expect(posted.status).toBe(202);
        const path = String(posted.headers['location']);
        expect((await send(test.proxy.url, { path: `${path}/events` })).text).toContain(
          'event: done',
        );
        expect((await send(test.proxy.url, { path })).text).toContain('"done"');
      }
    });

    it('brings an Idempotency-Key to the node that knows it', async () => {
      for (let nth = 0; nth < 6; nth++) {
        const asked = incomplete('keys', `${nth}`);
        const headers = { ...asked.headers, 'idempotency-key': `key-${nth}` };
        const answers = [];
        for (let time = 0; time < 4; time++) {
          answers.push((await send(test.proxy.url, { ...asked, headers })).text);
        }
        expect(new Set(answers).size).toBe(1);
        expect(answers[0]).toContain('messageId');
      }
    });

    it('passes a WebSocket on', async () => {
      const socket = new WebSocket(`${test.proxy.url.replace('http', 'ws')}/mqtt`, 'mqtt');
      await once(socket, 'open');
      expect(socket.protocol).toBe('mqtt');
      socket.terminate();
    });

    it('has nothing refused with twice as many clients as the nodes can mine for at a time', async () => {
      const statuses = await closedLoop({
        url: test.proxy.url,
        clients,
        requests: 120,
        make: (nth) => incomplete('closed loop', `${nth}`),
      });
      expect(statuses).toEqual(new Map([[201, 120]]));
    });

    it('goes on when a node stops', async () => {
      const stopping = test.nodes[2]!;
      let drained: Promise<number> | undefined;
      const statuses = await underWay(test, { kind, index: 'stop' }, () => {
        void stopping.stop();
        if (kind === 'haproxy') drained = sentWhenDrained(test, 'midge_api/n3');
      });
      await stopping.exited;
      // From when it was drained on it got nothing, and nothing was ever sent to it in vain.
      const sent = async (column: string) =>
        Number(await test.proxy.statOf('midge_api/n3', column));
      const then = await drained;
      const since = then === undefined ? 0 : (await sent('stot')) - then;
      const inVain = then === undefined ? 0 : await sent('econ');
      expect({ since, inVain }).toEqual({ since: 0, inVain: 0 });
      expect(statuses.reads).toEqual(new Map([[200, manyReads]]));
      const certain = retriesAttaches ? manyAttaches : manyAttaches - mayGetLost;
      expect(statuses.complete.get(201)).toBeGreaterThanOrEqual(certain);
      expect(statuses.incomplete.get(201)).toBeGreaterThanOrEqual(manyAttaches - mayGetLost);
    });

    it('loses nothing that is safe to send again when a node is killed, and doubles nothing', async () => {
      const statuses = await underWay(
        test,
        { kind, index: 'kill' },
        () => void test.nodes[1]!.kill(),
      );
      expect(statuses.reads.get(200)).toBeGreaterThanOrEqual(
        kind === 'apache' ? manyReads - 3 * clients : manyReads,
      );
      const certain = retriesAttaches ? manyAttaches : manyAttaches - mayGetLost;
      expect(statuses.complete.get(201)).toBeGreaterThanOrEqual(certain);
      expect(statuses.incomplete.get(201)).toBeGreaterThanOrEqual(manyAttaches - mayGetLost);
      const found = await send(test.nodes[0]!.url, {
        path: `/api/v1/messages?index=${hex('kill')}`,
      });
      const { messageIds } = (JSON.parse(found.text) as { data: { messageIds: string[] } }).data;
      const payloads = [];
      for (const id of messageIds) {
        payloads.push(
          (await send(test.nodes[0]!.url, { path: `/api/v1/messages/${id}` })).text.split(
            '"payload"',
          )[1],
        );
      }
      expect(new Set(payloads.map((text) => text?.replace(/"nonce".*/, ''))).size).toBe(
        messageIds.length,
      );
    });
  });
});

/** How many requests HAProxy had sent to this server when it knew that it gets no more. */
async function sentWhenDrained({ proxy }: Stage, server: string): Promise<number> {
  while (!(await proxy.statOf(server, 'status')).startsWith('DRAIN'));
  return Number(await proxy.statOf(server, 'stot'));
}

const manyReads = 600;
const manyAttaches = 60;

/** Reads, complete and incomplete messages at the same time; something happens when some of each have been answered. */
async function underWay(
  { proxy: { url } }: Stage,
  { kind, index }: { readonly kind: ProxyKind; readonly index: string },
  happen: () => void,
) {
  const onAnswer = (nth: number): void => {
    if (nth === 200) happen();
  };
  const attaches = { url, clients, requests: manyAttaches, comesAgain: true };
  const [reading, completes, incompletes] = await Promise.all([
    closedLoop({
      url,
      clients,
      requests: manyReads,
      make: () => read,
      onAnswer,
      // Apache ends a client's connection without an answer when a node's ends under it.
      dialsAgain: kind === 'apache',
    }),
    closedLoop({
      ...attaches,
      make: (nth) => complete(`${index} ${nth}`),
    }),
    closedLoop({
      ...attaches,
      make: (nth) => incomplete(index, `${nth}`),
    }),
  ]);
  return { reads: reading, complete: completes, incomplete: incompletes };
}

function plus(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => value + (b[index] ?? 0));
}

function minus(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => value - (b[index] ?? 0));
}

function percentOf(values: readonly number[]): number[] {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => (value / sum) * 100);
}
