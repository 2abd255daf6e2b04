// Remote proof of work on the shipped node: real miners, real sockets.
import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { SingleNodeClient } from '@iota/iota.js';
import { describe, expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

interface PowAnswer {
  readonly data: {
    readonly enabled: boolean;
    readonly kernel: string;
    readonly running: number;
    readonly queued: number;
  };
}

/** At score 4000 a message of this size asks for 3^17 hashes: minutes, not milliseconds. */
const hardData = '00'.repeat(12_000);
const hard = JSON.stringify({ payload: { type: 2, index: '00', data: hardData } });

const settings = { 'network.min-pow-score': 4000 };

async function powOf(node: NodeProcess): Promise<PowAnswer['data']> {
  return ((await (await fetch(`${node.url}/api/midge/v1/pow`)).json()) as PowAnswer).data;
}

/** Asks until it is so; every answer is a turn, none is a sleep. */
async function until(
  node: NodeProcess,
  isSo: (pow: PowAnswer['data']) => boolean,
): Promise<PowAnswer['data']> {
  for (;;) {
    const pow = await powOf(node);
    if (isSo(pow)) return pow;
  }
}

function startAttach(node: NodeProcess): ClientRequest {
  const outgoing = request(`${node.url}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  outgoing.on('error', () => undefined);
  outgoing.end(hard);
  return outgoing;
}

describe('remote proof of work', () => {
  it('ends when the client hangs up, whether it is being mined or waits', async () => {
    await using folder = await aFolder();
    await using node = await NodeProcess.start({ dataDir: folder.path, settings });
    const clients = [startAttach(node), startAttach(node), startAttach(node)];
    await until(node, ({ running, queued }) => running + queued === 3);
    for (const client of clients) client.destroy();
    const idle = await until(node, ({ running, queued }) => running + queued === 0);
    expect(idle).toMatchObject({ enabled: true, running: 0, queued: 0 });
    // And the miners are free for the next.
    const id = await new SingleNodeClient(node.url).messageSubmit({
      payload: { type: 2, index: '00', data: '' },
    });
    expect(id).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is answered 503 with a time to come back when the node stops', async () => {
    await using folder = await aFolder();
    await using node = await NodeProcess.start({ dataDir: folder.path, settings });
    const outgoing = startAttach(node);
    await until(node, ({ running }) => running === 1);
    const answered = once(outgoing, 'response');
    const stopped = node.stop();
    const [response] = (await answered) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(503);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    expect(await stopped).toBe(0);
  });

  it('can be switched off, and says so', async () => {
    await using folder = await aFolder();
    await using node = await NodeProcess.start({
      dataDir: folder.path,
      settings: { ...settings, 'pow.enabled': false },
    });
    const client = new SingleNodeClient(node.url);
    expect((await client.info()).features).toEqual([]);
    expect((await powOf(node)).enabled).toBe(false);
    await expect(
      client.messageSubmit({ payload: { type: 2, index: '00', data: '' } }),
    ).rejects.toMatchObject({ httpStatus: 400 });
  });
});
