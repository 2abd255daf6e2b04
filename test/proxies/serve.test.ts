import { describe, expect, it } from 'vitest';
import { openAgent } from '../../src/balance/agent.ts';
import { systemClock } from '../../src/clock.ts';
import { planOf } from '../../src/proxies/plan.ts';
import { serveWeights } from '../../src/proxies/serve.ts';

const withServers = (weight: number): unknown =>
  expect.objectContaining({ servers: [{ url: 'http://127.0.0.1:1', weight }] });

const anyPort = { host: '127.0.0.1', port: 0 };

describe('the provider for Traefik', () => {
  it('serves the weights of now', async () => {
    let api = 0.75;
    const balance = () => ({ spare: { api, pow: 0.4 }, powRoom: 2, failing: [] });
    await using agent = await openAgent('127.0.0.1:0', { balance, clock: systemClock });
    const plan = planOf({ nodes: '127.0.0.1:1', agents: `127.0.0.1:${agent.port}` });
    await using provider = await serveWeights(plan, anyPort);
    const served = async (): Promise<unknown> => (await fetch(provider.url)).json();
    expect(await served()).toHaveProperty(
      ['http', 'services', 'midge-api', 'loadBalancer'],
      withServers(75),
    );
    api = 0.5;
    expect(await served()).toHaveProperty(
      ['http', 'services', 'midge-api', 'loadBalancer'],
      withServers(50),
    );
  });

  it('says where it cannot listen', async () => {
    const plan = planOf({ nodes: '127.0.0.1:1' });
    await using taken = await serveWeights(plan, anyPort);
    const port = Number(new URL(taken.url).port);
    await expect(serveWeights(plan, { host: '127.0.0.1', port })).rejects.toThrow(
      `--serve cannot listen on 127.0.0.1:${port}.`,
    );
  });
});
