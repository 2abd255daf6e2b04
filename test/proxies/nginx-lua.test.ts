import { describe, expect, it } from 'vitest';
import { openAgent } from '../../src/balance/agent.ts';
import { systemClock } from '../../src/clock.ts';
import { freePort, isInstalled, startProxy } from '../support/proxy-process.ts';

const begin = 'function midge.poll(premature)';
const throwOnce = `
    if not midge.has_thrown then
      midge.has_thrown = true
      error("the test has thrown")
    end`;

describe.skipIf(!isInstalled('nginx-lua'))('nginx with Lua', () => {
  it('asks the agents again when it could not once', async () => {
    const asked = Promise.withResolvers<void>();
    await using agent = await openAgent('127.0.0.1:0', {
      balance: () => ({ spare: { api: 0.5, pow: 0.5 }, powRoom: 1, failing: [] }),
      clock: systemClock,
      onAnswer: () => asked.resolve(),
    });
    await using proxy = await startProxy({
      kind: 'nginx-lua',
      nodes: [`127.0.0.1:${await freePort()}`],
      agents: [`127.0.0.1:${agent.port}`],
      port: await freePort(),
      change: (config) => config.replace(begin, begin + throwOnce),
    });
    await asked.promise;
    const told = (): string => proxy.lines.join('');
    while (!told().includes('the test has thrown')) await new Promise(setImmediate);
    expect(told().split('the test has thrown').length).toBe(2);
  });
});
