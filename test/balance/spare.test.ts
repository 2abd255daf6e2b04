import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fullHashesPerSecond,
  powRoom,
  smoothed,
  spareOf,
  waitingPerWorker,
} from '../../src/balance/spare.ts';
import type { PowFacts, SpareFacts } from '../../src/balance/spare.ts';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const somePow: fc.Arbitrary<PowFacts> = fc.record({
  workers: fc.integer({ min: 1, max: 256 }),
  queueSize: fc.integer({ min: 1, max: 10_000 }),
  jobs: fc.double({ min: 0, max: 20_000, noNaN: true }),
  hashesPerSecond: fc.double({ min: 0, max: 1e10, noNaN: true }),
});
const someFacts: fc.Arbitrary<SpareFacts> = fc.record({
  isHealthy: fc.boolean(),
  weight: fc.double({ min: 0.01, max: 1, noNaN: true }),
  loopBusy: share,
  pow: fc.option(somePow, { nil: undefined }),
});

const idle: SpareFacts = {
  isHealthy: true,
  weight: 1,
  loopBusy: 0,
  pow: { workers: 1, queueSize: 32, jobs: 0, hashesPerSecond: fullHashesPerSecond },
};

describe('spare compute', () => {
  it('lies between 0 and the weight, and is nothing when the node is not healthy', () => {
    fc.assert(
      fc.property(someFacts, (facts) => {
        const { api, pow } = spareOf(facts);
        const most = facts.isHealthy ? facts.weight : 0;
        expect(api).toBeGreaterThanOrEqual(0);
        expect(api).toBeLessThanOrEqual(most);
        expect(pow).toBeGreaterThanOrEqual(0);
        expect(pow).toBeLessThanOrEqual(facts.pow === undefined ? 0 : most);
      }),
    );
  });

  it('never grows when there is more to do, and never shrinks with a larger budget', () => {
    fc.assert(
      fc.property(someFacts, somePow, share, (facts, pow, more) => {
        const at = (change: Partial<SpareFacts>, powChange: Partial<PowFacts> = {}) =>
          spareOf({ ...facts, ...change, pow: { ...pow, ...powChange } });
        const now = at({});
        const busier = at({ loopBusy: facts.loopBusy + (1 - facts.loopBusy) * more });
        expect(busier.api).toBeLessThanOrEqual(now.api);
        expect(busier.pow).toBeLessThanOrEqual(now.pow);
        expect(at({}, { jobs: pow.jobs + more }).pow).toBeLessThanOrEqual(now.pow);
        const { hashesPerSecond } = pow;
        const faster = at({}, { hashesPerSecond: hashesPerSecond * (1 + more) });
        expect(faster.pow).toBeGreaterThanOrEqual(now.pow);
      }),
    );
  });

  it.each([
    ['an idle node with four cores', {}, { api: 1, pow: 1 }],
    ['half the weight', { weight: 0.5 }, { api: 0.5, pow: 0.5 }],
    ['a loop that is busy for a quarter', { loopBusy: 0.25 }, { api: 0.75, pow: 0.75 }],
    ['a fault', { isHealthy: false }, { api: 0, pow: 0 }],
    ['no proof of work', { pow: undefined }, { api: 1, pow: 0 }],
  ])('of %s', (_what, facts: Partial<SpareFacts>, expected) => {
    expect(spareOf({ ...idle, ...facts })).toEqual(expected);
  });

  it('goes down by equal steps with each job, and is used up by as many as proxies may send', () => {
    const pow = { workers: 2, queueSize: 32, hashesPerSecond: fullHashesPerSecond };
    const room = powRoom(pow);
    expect(room).toBe(2 + 2 * waitingPerWorker);
    expect(spareOf({ ...idle, pow: { ...pow, jobs: 0 } }).pow).toBe(1);
    expect(spareOf({ ...idle, pow: { ...pow, jobs: room / 2 } }).pow).toBe(0.5);
    expect(spareOf({ ...idle, pow: { ...pow, jobs: room } }).pow).toBe(0);
    expect(spareOf({ ...idle, pow: { ...pow, jobs: room + 1 } }).pow).toBe(0);
  });

  it('counts a budget in hashes a second', () => {
    const quarter = { workers: 1, queueSize: 32, jobs: 0, hashesPerSecond: 8_000_000 };
    expect(spareOf({ ...idle, pow: quarter }).pow).toBe(0.25);
    expect(spareOf({ ...idle, pow: { ...quarter, hashesPerSecond: 1e12 } }).pow).toBe(1);
  });
});

describe('the room for jobs', () => {
  it('is never more than the node takes before it refuses', () => {
    fc.assert(
      fc.property(somePow, ({ workers, queueSize }) => {
        const room = powRoom({ workers, queueSize });
        expect(room).toBeLessThanOrEqual(workers + queueSize);
        expect(room).toBeGreaterThan(workers);
      }),
    );
  });
});

describe('a smoothed number', () => {
  it('moves towards the new one and not beyond, the further the more time has passed', () => {
    fc.assert(
      fc.property(share, share, fc.integer({ min: 1, max: 1e6 }), (before, now, elapsedMs) => {
        const next = smoothed(before, now, elapsedMs);
        expect(Math.abs(now - next)).toBeLessThanOrEqual(Math.abs(now - before));
        expect((next - before) * (now - before)).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(smoothed(0, 1, 100)).toBeLessThan(0.3);
    expect(smoothed(0, 1, 1_000)).toBeGreaterThan(0.95);
  });
});
