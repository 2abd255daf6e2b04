import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openAgent } from '../../src/balance/agent.ts';
import { systemClock } from '../../src/clock.ts';
import { askAgent, askWeights, weightOf } from '../../src/proxies/ask-agents.ts';

const balance = () => ({ spare: { api: 0.75, pow: 0.4 }, powRoom: 2, failing: [] });

describe('the weight that a line gives', () => {
  it.each([
    ['up ready 40% maxconn:2', 40],
    ['up ready 100%', 100],
    ['drain', 0],
    ['down #store', 0],
    ['', 0],
    [undefined, 1],
  ])('%s is %i', (line, weight) => {
    expect(weightOf(line)).toBe(weight);
  });
});

describe('asking agents', () => {
  it('asks each for both pools', async () => {
    await using agent = await openAgent('127.0.0.1:0', { balance, clock: systemClock });
    const there = { host: '127.0.0.1', port: agent.port };
    expect(await askAgent(there, 'pow')).toBe('up ready 40% maxconn:2');
    expect(await askWeights([there, there])).toEqual({ api: [75, 75], pow: [40, 40] });
  });

  it('does without one that is gone, and without one that says nothing', async () => {
    const silent = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    expect(await askAgent({ host: '127.0.0.1', port }, 'api')).toBeUndefined();
    silent.close();
    expect(await askWeights([{ host: '127.0.0.1', port }])).toEqual({ api: [1], pow: [1] });
  });
});
