import { describe, expect, it } from 'vitest';
import { SpareWatch } from '../../src/balance/watch.ts';

const idlePow = {
  workers: 1,
  queueSize: 4,
  running: 0,
  queued: 0,
  hashesPerSecond: 32_000_000,
};

describe('the watch over spare compute', () => {
  it('takes in load as a mean, and health at once', () => {
    let failing: string[] = [];
    let loopBusy = 0;
    const pow = { ...idlePow };
    using watch = new SpareWatch(1, {
      failing: () => failing,
      loopBusy: () => loopBusy,
      pow: { status: () => pow },
    });
    expect(watch.balance()).toEqual({ spare: { api: 1, pow: 1 }, powRoom: 5, failing: [] });
    loopBusy = 1;
    pow.running = 1;
    pow.queued = 4;
    watch.look(100);
    const { api, pow: jobs } = watch.balance().spare;
    expect(api).toBeGreaterThan(0.5);
    expect(api).toBeLessThan(0.9);
    expect(jobs).toBeLessThan(api);
    watch.look(60_000);
    expect(watch.balance().spare.api).toBeCloseTo(0);
    loopBusy = 0;
    watch.look(60_000);
    failing = ['store'];
    expect(watch.balance()).toMatchObject({ spare: { api: 0, pow: 0 }, failing: ['store'] });
    failing = [];
    expect(watch.balance().spare.api).toBeCloseTo(1);
  });

  it('knows of no jobs on a node without proof of work', () => {
    using watch = new SpareWatch(0.5, { failing: () => [] });
    expect(watch.balance()).toEqual({
      spare: { api: 0.5, pow: 0 },
      powRoom: undefined,
      failing: [],
    });
  });

  it('sees a real event loop that is busy', () => {
    using watch = new SpareWatch(1, { failing: () => [] });
    const until = performance.now() + 50;
    while (performance.now() < until);
    watch.look(60_000);
    expect(watch.balance().spare.api).toBeLessThan(1);
  });
});
