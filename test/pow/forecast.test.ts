import { describe, expect, it } from 'vitest';
import { forecast } from '../../src/pow/forecast.ts';

const idle = { cost: 1_000, runningCosts: [], hashesAhead: 0, workers: 2, hashesPerSecond: 1_000 };

describe('the forecast', () => {
  it('gives a job that is alone all workers at once', () => {
    expect(forecast(idle)).toEqual({ queueMs: 0, miningMs: 1_000 });
  });

  it('shares the workers with the job that runs', () => {
    expect(forecast({ ...idle, runningCosts: [500] })).toEqual({ queueMs: 0, miningMs: 2_000 });
  });

  it('waits for the first of the running jobs and for all that wait before it', () => {
    const busy = { ...idle, runningCosts: [400, 400], hashesAhead: 3_000 };
    expect(forecast(busy)).toEqual({ queueMs: 3_400, miningMs: 2_000 });
  });
});
