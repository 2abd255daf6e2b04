import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { HeartbeatSender } from '../../src/balance/beat.ts';
import { silentLogger } from '../../src/log.ts';

interface Beat {
  readonly form: string;
  readonly from: string | undefined;
}

/** What stands where Apache would; resolves waiters as beats come. */
async function aProxy(status = 200) {
  const beats: Beat[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    void take(request, response);
  });
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    beats.push({ form: await text(request), from: request.socket.remoteAddress });
    response.writeHead(status).end();
    for (const wake of waiting.splice(0)) wake();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const nextBeat = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  return {
    url: `http://127.0.0.1:${port}/heartbeat`,
    beats,
    nextBeat,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const half = { spare: { api: 0.5, pow: 0.4 }, powRoom: 2, failing: [] };

it('beats at once and again, from the address of the API, and says farewell', async () => {
  await using proxy = await aProxy();
  const options = { url: proxy.url, address: '127.0.0.2', port: 14_265 };
  {
    await using _ = new HeartbeatSender(options, { balance: () => half, log: silentLogger });
    await proxy.nextBeat();
    await proxy.nextBeat();
  }
  const [first, second, ...others] = proxy.beats;
  expect(first).toEqual({ form: 'v=1&ready=500&busy=500&port=14265', from: '127.0.0.2' });
  expect(second).toEqual(first);
  expect(others.at(-1)?.form).toBe('v=1&ready=0&busy=1000&port=14265');
});

it('takes any address when the API listens on all of them, and says once that nobody listens', async () => {
  const warnings: object[] = [];
  const log = { ...silentLogger, warn: (facts: object) => warnings.push(facts) };
  await using proxy = await aProxy(404);
  const options = { url: proxy.url, address: '0.0.0.0', port: 14_265 };
  {
    await using _ = new HeartbeatSender(options, {
      balance: () => half,
      log,
    });
    await proxy.nextBeat();
    await proxy.nextBeat();
  }
  expect(proxy.beats[0]?.from).toBe('127.0.0.1');
  expect(warnings).toHaveLength(1);
});
