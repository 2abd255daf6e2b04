// What a running node counts, of itself and of a neighbour, as Prometheus reads it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { metricNames } from '../../src/metrics.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

async function asOwner(dataDir: string) {
  const token = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

async function scrape(node: NodeProcess, dataDir: string): Promise<Map<string, number>> {
  const headers = await asOwner(dataDir);
  const text = await (await fetch(`${node.url}/metrics`, { headers })).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ [^ ]+$/, ''), Number(/[^ ]+$/.exec(line))]));
}

it('a node counts who listens, and what it refuses', async () => {
  await using folder = await aFolder();
  await using node = await NodeProcess.start({ dataDir: folder.path });
  const leaving = new AbortController();
  const { signal } = leaving;
  await fetch(`${node.url}/api/midge/v1/events`, { signal });
  await fetch(`${node.url}/nowhere`);
  const socket = connect(Number(new URL(node.url).port), '127.0.0.1');
  socket.end('no HTTP\r\n\r\n').resume();
  await once(socket, 'close');
  const counted = await scrape(node, folder.path);
  expect(counted.get('midge_events_listeners{stream="messages"}')).toBe(1);
  expect(counted.get('midge_events_listeners{stream="jobs"}')).toBe(0);
  expect(counted.get('midge_api_refused_total{reason="route_unknown"}')).toBe(1);
  expect(counted.get('midge_api_refused_total{reason="request_invalid"}')).toBe(1);
  leaving.abort();
  while ((await scrape(node, folder.path)).get('midge_events_listeners{stream="messages"}')) {
    // The node sees the end of a connection when it comes to it.
  }
});

it('a node counts its messages, its work, its requests and its neighbour', async () => {
  await using firstFolder = await aFolder();
  await using secondFolder = await aFolder();
  await using first = await NodeProcess.start({ dataDir: firstFolder.path });
  await using second = await NodeProcess.start({
    dataDir: secondFolder.path,
    settings: { 'gossip.neighbours': first.gossipAddress, 'api.max-connections': 500 },
  });
  // A node without neighbours of its own lets nobody in.
  const added = await fetch(`${first.url}/api/v1/peers`, {
    method: 'POST',
    headers: await asOwner(firstFolder.path),
    body: JSON.stringify({ multiAddress: second.gossipAddress }),
  });
  expect(added.status).toBe(200);
  await second.logged('a neighbour is connected');
  const body = JSON.stringify({ payload: { type: 2, index: '6d', data: '' } });
  const headers = { 'content-type': 'application/json' };
  let status = 0;
  // Attaching begins when the first catch-up has ended.
  for (let tries = 0; status !== 201 && tries < 500; tries++) {
    ({ status } = await fetch(`${second.url}/api/v1/messages`, { method: 'POST', headers, body }));
  }
  expect(status).toBe(201);
  const counted = await scrape(second, secondFolder.path);
  expect(counted.get('midge_store_messages')).toBe(1);
  expect(counted.get('iota_restapi_pow_count')).toBe(1);
  expect(counted.get('midge_intake_outcomes_total{outcome="accepted"}')).toBe(1);
  expect(counted.get('midge_gossip_neighbours{relation="known"}')).toBe(1);
  expect(counted.get('midge_pow_hashes_total')).toBeGreaterThan(0);
  expect(counted.get('midge_api_connections')).toBeGreaterThan(0);
  expect(counted.get('midge_api_connections_limit')).toBe(500);
  const posts = 'iota_restapi_requests_total{code="201",method="POST",url="/api/v1/messages"}';
  expect(counted.get(posts)).toBe(1);
  const named = [...counted.keys()].filter((line) => line.includes(first.gossipAddress));
  expect(named.length).toBeGreaterThan(5);
  const names = new Set([...counted.keys()].map((line) => line.replace(/\{.*/, '')));
  const missing = metricNames().filter(
    (name) => !names.has(name) && !names.has(`${name}_count`) && !isRare.has(name),
  );
  expect(missing).toEqual([]);
});

/** Have no line before something went wrong. */
const isRare = new Set<string>([
  'midge_pow_refused_total',
  'midge_api_refused_total',
  'midge_gossip_bans_total',
  'midge_agent_answers_total',
]);
