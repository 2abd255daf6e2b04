import { describe, expect, it } from 'vitest';
import { chooseMiner } from '../../src/pow/choose.ts';
import { calibrate, Speed } from '../../src/pow/speed.ts';

const work = { hashes: 200, cpuUs: 100_000, elapsedUs: 200_000 };

describe('the speed', () => {
  it('begins with a guess and becomes what is measured', () => {
    const speed = new Speed(5);
    for (let look = 0; look < 100; look++) speed.add(work);
    expect(speed.hashesPerSecond).toBeCloseTo(1_000, 0);
    expect(speed.cores).toBeCloseTo(0.5);
  });

  it('does not depend on how often it is measured', () => {
    const [often, rarely] = [new Speed(0), new Speed(0)];
    for (let look = 0; look < 10; look++) often.add(work);
    rarely.add({ hashes: 2_000, cpuUs: 1e6, elapsedUs: 2e6 });
    expect(often.hashesPerSecond).toBeCloseTo(rarely.hashesPerSecond);
  });

  it('goes back to what is possible while there is no work', () => {
    const speed = new Speed(5_000);
    for (let look = 0; look < 100; look++) speed.add(work);
    speed.rest(1e6);
    expect(speed.hashesPerSecond).toBeLessThan(1_200);
    speed.rest(300e6);
    expect(speed.hashesPerSecond).toBeCloseTo(5_000, 0);
    expect(speed.cores).toBeCloseTo(0);
  });

  it('changes with the CPU time', () => {
    const speed = new Speed(5_000);
    speed.scale(0.5);
    expect(speed.hashesPerSecond).toBe(2_500);
    speed.rest(1e9);
    expect(speed.hashesPerSecond).toBe(2_500);
  });

  it('is known before the first job', () => {
    expect(calibrate(chooseMiner({}))).toBeGreaterThan(0);
  });
});
