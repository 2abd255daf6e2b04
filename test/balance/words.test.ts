import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentLine, heartbeatForm } from '../../src/balance/words.ts';
import type { Balance } from '../../src/balance/watch.ts';

const half: Balance = { spare: { api: 0.5, pow: 0.404 }, powRoom: 2, failing: [] };

describe('a line for HAProxy', () => {
  it.each([
    ['api', half, 'up ready 50%'],
    ['pow', half, 'up ready 40% maxconn:2'],
    ['api', { ...half, spare: { api: 0, pow: 0 } }, 'up ready 1%'],
    ['pow', { ...half, spare: { api: 0, pow: 0 } }, 'up ready 1% maxconn:2'],
    ['api', { ...half, failing: ['store', 'catch-up'] }, 'down #store catch-up'],
    ['pow', { ...half, failing: ['store'] }, 'down #store'],
    ['pow', { ...half, powRoom: undefined }, 'down #pow.enabled is false'],
    ['api', { ...half, powRoom: undefined }, 'up ready 50%'],
  ] as const)('for %s of %o is %s', (pool, balance, line) => {
    expect(agentLine(pool, balance)).toBe(line);
  });

  it('is always a weight of 1 to 100 with the word that ends a drain, or down with a reason', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const balances = fc.record({
      spare: fc.record({ api: share, pow: share }),
      powRoom: fc.integer({ min: 2, max: 1280 }),
      failing: fc.subarray(['store', 'event-loop', 'neighbours', 'catch-up']),
    });
    fc.assert(
      fc.property(balances, fc.constantFrom('api', 'pow'), (balance, pool) => {
        expect(agentLine(pool, balance)).toMatch(
          balance.failing.length > 0
            ? /^down #[a-z -]+$/
            : /^up ready (?:[1-9]\d?|100)%(?: maxconn:[1-9]\d*)?$/,
        );
      }),
    );
  });
});

describe('a heartbeat for Apache', () => {
  it.each([
    [half, false, 'v=1&ready=500&busy=500&port=14265'],
    [{ ...half, spare: { api: 0, pow: 0 } }, false, 'v=1&ready=1&busy=999&port=14265'],
    [{ ...half, spare: { api: 1, pow: 1 } }, false, 'v=1&ready=1000&busy=1&port=14265'],
    [half, true, 'v=1&ready=0&busy=1000&port=14265'],
    [{ ...half, failing: ['store'] }, false, 'v=1&ready=0&busy=1000&port=14265'],
  ] as const)('of %o, last: %s, is %s', (balance, isLast, form) => {
    expect(heartbeatForm({ balance, port: 14_265, isLast })).toBe(form);
  });
});
