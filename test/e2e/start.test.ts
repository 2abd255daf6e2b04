// A start that takes long answers at once: 503 with its progress, then 200.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { genesisId } from '../../src/protocol/ids.ts';
import { aRecord, network, openTestStore } from '../storage/support.ts';
import { aFolder } from '../support/folder.ts';
import { untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';
import { freePort } from '../support/proxy-process.ts';

it('an index that is made again is told at /health, with its progress, until it is done', async () => {
  await using folder = await aFolder();
  const dataDir = folder.path;
  {
    await using store = await openTestStore(dataDir, { durability: 'process-crash' });
    for (let append = 0; append < 100; append++) {
      await store.append(Array.from({ length: 1_000 }, () => aRecord({ parents: [genesisId] })));
    }
  }
  await rm(join(dataDir, 'index'), { recursive: true });
  const url = `http://127.0.0.1:${await freePort()}`;
  const settings = { 'api.bind': url.slice(7), 'network.name': network.name };
  const seen: { status: number; reason: string; message: string }[] = [];
  const start = { isOver: false };
  let unansweredAfterwards = 0;
  const starting = NodeProcess.start({ dataDir, settings }).finally(() => {
    start.isOver = true;
  });
  while (!start.isOver) {
    const status = await fetch(`${url}/health`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 0 && seen.length > 0) unansweredAfterwards += 1;
    if (status !== 503) continue;
    const health = await (await fetch(`${url}/api/midge/v1/health`)).json();
    const messages = await fetch(`${url}/api/v1/tips`);
    if (messages.status !== 503) continue;
    expect(messages.headers.get('retry-after')).toMatch(/^\d+$/);
    const { checks } = (health as { data: { checks: { name: string; reason: string }[] } }).data;
    seen.push({ status, reason: checks[0]?.reason ?? '', message: await messages.text() });
  }
  await using node = await starting;
  // From when it listens on there is no moment without an answer.
  expect(unansweredAfterwards).toBe(0);
  const indexing = seen.filter(({ reason }) => /index: \d+ of 100000 messages/.test(reason));
  expect(indexing.length).toBeGreaterThan(0);
  expect(indexing.every(({ message }) => message.includes('"reason":"starting"'))).toBe(true);
  await untilHealthy(node);
  const token = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}` };
  const metrics = await (await fetch(`${node.url}/metrics`, { headers })).text();
  expect(metrics).toMatch(
    /^iota_restapi_requests_total\{code="503",method="GET",url="\/health"\} [1-9]/m,
  );
  expect((await fetch(`${node.url}/api/v1/tips`)).status).toBe(200);
});
