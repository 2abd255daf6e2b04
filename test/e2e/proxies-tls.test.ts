// Real proxies that speak TLS to real nodes, and to nobody who is none of them.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { aCertificate } from '../support/certificate.ts';
import type { TestCertificate } from '../support/certificate.ts';
import { incomplete } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { closedLoop, send, startNodes, threePlaces } from '../support/nodes.ts';
import type { Sent } from '../support/nodes.ts';
import { freePort, isInstalled, proxyKinds, startProxy } from '../support/proxy-process.ts';
import type { ProxyKind, ProxyProcess } from '../support/proxy-process.ts';

const name = 'node.example';
const authority = aCertificate({ name: 'Authority', isAuthority: true });
const ofNode = (): TestCertificate => aCertificate({ name, names: [name], by: authority });

const read: Sent = { path: '/api/v1/info' };
interface Stage extends AsyncDisposable {
  readonly proxy: ProxyProcess;
}

async function stage(kind: ProxyKind, certificates: readonly TestCertificate[]): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await aFolder());
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, authority.cert);
  const places = await threePlaces();
  const proxy = opening.use(
    await startProxy({
      kind,
      nodes: places.map(({ api }) => api),
      agents: places.map(({ agent }) => agent),
      port: await freePort(),
      tls: { caFile, name },
    }),
  );
  const heartbeatUrl = kind === 'apache' ? `${proxy.url}/midge-heartbeat` : undefined;
  opening.use(await startNodes(places, { certificates, heartbeatUrl }));
  const owned = opening.move();
  return { proxy, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Which node answered: ids of requests begin with what each node makes up when it starts. */
const nodeOf = (headers: NodeJS.Dict<string | string[]>): string =>
  String(headers['x-request-id']).split('-')[0] ?? '';

/** Until so many nodes have answered, and then so many reads in a row were good. */
async function settled({ proxy }: Stage, nodeCount: number, inARow: number): Promise<Set<string>> {
  const seen = new Set<string>();
  let good = 0;
  while (seen.size < nodeCount || good < inARow) {
    const { status, headers } = await send(proxy.url, read);
    good = status === 200 ? good + 1 : 0;
    if (status === 200) seen.add(nodeOf(headers));
  }
  return seen;
}

const make = (nth: number): Sent => incomplete('tls', `${nth}`);

describe.each(proxyKinds)('%s', (kind) => {
  describe.skipIf(!isInstalled(kind))('in front of nodes with TLS', () => {
    it('passes on reads, messages, jobs, keys and WebSockets', async () => {
      await using test = await stage(kind, [ofNode(), ofNode(), ofNode()]);
      const { url } = test.proxy;
      expect((await settled(test, 3, 30)).size).toBe(3);
      const statuses = await closedLoop({ url, clients: 3, requests: 12, make });
      expect(statuses).toEqual(new Map([[201, 12]]));
      const asked = { ...incomplete('job', 'x'), path: '/api/midge/v1/attach' };
      const location = String((await send(url, asked)).headers['location']);
      expect((await send(url, { path: `${location}/events` })).text).toContain('event: done');
      const keyed = incomplete('key', 'x');
      const headers = { ...keyed.headers, 'idempotency-key': 'a-key' };
      const answers = [
        await send(url, { ...keyed, headers }),
        await send(url, { ...keyed, headers }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([201, 201]);
      expect(answers[1]!.text).toBe(answers[0]!.text);
      const socket = new WebSocket(`${url.replace('http', 'ws')}/mqtt`, 'mqtt');
      await once(socket, 'open');
      expect(socket.protocol).toBe('mqtt');
      socket.terminate();
    });

    const strangers: [string, () => TestCertificate][] = [
      ['of another authority', () => aCertificate({ name, names: [name] })],
      // Apache knows nodes by their address.
      ...(kind === 'apache' ? [] : ([['with another name', otherName]] as typeof strangers)),
    ];
    it.each(strangers)('sends nothing to one whose certificate is %s', async (_what, stranger) => {
      await using test = await stage(kind, [ofNode(), ofNode(), stranger()]);
      const seen = await settled(test, 2, 100);
      expect(seen.size).toBe(2);
    });
  });
});

it.skipIf(!isInstalled('haproxy'))(
  'haproxy asks the agents of such nodes all the same',
  async () => {
    await using test = await stage('haproxy', [ofNode(), ofNode(), ofNode()]);
    await settled(test, 3, 1);
    while ((await test.proxy.statOf('midge_api/n1', 'agent_status')) !== 'L7OK');
    expect(await test.proxy.statOf('midge_api/n1', 'check_status')).toBe('L7OK');
  },
);

function otherName(): TestCertificate {
  return aCertificate({ name: 'other.example', names: ['other.example'], by: authority });
}
