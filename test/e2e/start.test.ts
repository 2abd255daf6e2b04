// A start that takes long answers at once: 503 with its progress, then 200.
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { genesisId } from '../../src/protocol/ids.ts';
import { aRecord, network, openTestStore } from '../storage/support.ts';
import { aFolder } from '../support/folder.ts';
import { untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';

/** Free a moment ago. */
async function aPort(): Promise<number> {
  await using server = createServer();
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  return (server.address() as AddressInfo).port;
}

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
  const url = `http://127.0.0.1:${await aPort()}`;
  const settings = { 'api.bind': url.slice(7), 'network.name': network.name };
  const seen: { status: number; reason: string; message: string }[] = [];
  const start = { isOver: false };
  const starting = NodeProcess.start({ dataDir, settings }).finally(() => {
    start.isOver = true;
  });
  while (!start.isOver) {
    try {
      const { status } = await fetch(`${url}/health`);
      const health = await (await fetch(`${url}/api/midge/v1/health`)).json();
      const messages = await fetch(`${url}/api/v1/tips`);
      if (status !== 503 || messages.status !== 503) continue;
      expect(messages.headers.get('retry-after')).toMatch(/^\d+$/);
      const [check] = (health as { data: { checks: { name: string; reason: string }[] } }).data
        .checks;
      seen.push({ status, reason: check!.reason, message: await messages.text() });
    } catch {
      // Before it listens, and in the moment between the two servers.
    }
  }
  await using node = await starting;
  const indexing = seen.filter(({ reason }) => /index: \d+ of 100000 messages/.test(reason));
  expect(indexing.length).toBeGreaterThan(0);
  expect(indexing.every(({ message }) => message.includes('"reason":"starting"'))).toBe(true);
  await untilHealthy(node);
  expect((await fetch(`${node.url}/api/v1/tips`)).status).toBe(200);
});
