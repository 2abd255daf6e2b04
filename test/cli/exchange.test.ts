// Nodes that take a connection and then say nothing, as one behind a broken network does.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { makeNodeClient } from '../../src/cli/client.ts';
import { exchange } from '../../src/cli/exchange.ts';
import { followJob } from '../../src/cli/mining.ts';
import { midge, openFakeNode } from './midge.ts';

async function silentNode(protocol: 'http' | 'https') {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).resume());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${protocol}://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe.concurrent('a node that says nothing', () => {
  it('by http ends a question with a sentence', async () => {
    await using node = await silentNode('http');
    const asked = exchange(new URL(node.url), { method: 'GET', timeoutMs: 50 });
    await expect(asked).rejects.toThrow('it answered nothing within 0.05 s');
  });

  it('by https ends one that may take any time for its answer, too', async () => {
    await using node = await silentNode('https');
    const asked = exchange(new URL(node.url), { method: 'POST', connectMs: 50 });
    await expect(asked).rejects.toThrow('it took no connection within 0.05 s');
  });

  it.each(['http', 'https'] as const)('by %s takes no job', async (protocol) => {
    await using node = await silentNode(protocol);
    const client = makeNodeClient({ root: node.url }, { connectMs: 50, answerMs: 50 });
    await expect(client.startJob('aa', 'bb')).rejects.toThrow(
      `The node at ${node.url} gave no answer: it `,
    );
  });

  it('is not waited for without end where it may mine', async () => {
    await using node = await silentNode('http');
    const client = makeNodeClient({ root: node.url }, { answerMs: 50, mineMs: 50 });
    await expect(client.attach('aa', 'bb')).rejects.toThrow('it answered nothing within 0.05 s');
  });

  it('of a job that has no end is told to stop', async () => {
    const jobId = 'cd'.repeat(16);
    const mining = { jobId, state: 'mining' } as const;
    await using node = await openFakeNode(() => ({ status: 200, body: { data: mining } }));
    const followed = followJob(makeNodeClient({ root: node.url }), mining, 50);
    await expect(followed).rejects.toThrow(
      'The node has not attached it within 50 ms, and was told to stop.',
    );
    expect(node.requests.at(-1)).toBe(`DELETE /api/midge/v1/attach/${jobId}`);
  });

  it('ends a command after a while', async () => {
    await using node = await silentNode('https');
    const { code, stderr } = await midge(['attach', 'a', 'b', '--node', node.url]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`${node.url} gave no answer: it took no connection within 10 s.`);
  });
});
