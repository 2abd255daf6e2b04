import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CpuAccount, sliceUs } from '../../src/pow/budget.ts';

const windowUs = 2_000_000;
const totalUs = 12_000_000;

/** How a machine treats the miners: what their slices take, and how late they are woken. */
interface Machine {
  readonly workers: number;
  readonly cores: number;
  /** Of slices, one after the other, as parts of what is paid for in advance. */
  readonly overruns: readonly number[];
  readonly latenessUs: readonly number[];
}

interface Slice {
  readonly startUs: number;
  readonly cpuUs: number;
}

/** The miners' loop (Purse) in a time that passes only here; each has a core of its own. */
function simulate(account: CpuAccount, machine: Machine): Slice[] {
  const { workers, overruns, latenessUs } = machine;
  const slices: Slice[] = [];
  const miners = Array.from({ length: workers }, () => ({ nowUs: 0, unpaidUs: 0 }));
  for (let turn = 0; ; turn++) {
    const miner = miners.toSorted((a, b) => a.nowUs - b.nowUs)[0]!;
    if (miner.nowUs >= totalUs) return slices;
    const { startUs } = account.take(miner.unpaidUs + sliceUs, miner.nowUs);
    const sleeps = startUs > miner.nowUs;
    const lateUs = sleeps ? latenessUs[turn % latenessUs.length]! : 0;
    const beginUs = Math.max(startUs, miner.nowUs) + lateUs;
    const cpuUs = Math.round(sliceUs * overruns[turn % overruns.length]!);
    slices.push({ startUs: beginUs, cpuUs });
    miner.unpaidUs = cpuUs - sliceUs;
    miner.nowUs = beginUs + cpuUs;
  }
}

/** CPU time within a window, slices at its edges cut. */
function usedWithin(slices: readonly Slice[], fromUs: number, toUs: number): number {
  return slices.reduce((sum, { startUs, cpuUs }) => {
    const overlapUs = Math.min(startUs + cpuUs, toUs) - Math.max(startUs, fromUs);
    return sum + Math.max(0, overlapUs);
  }, 0);
}

const aMachine = (options: { maxLateUs: number }): fc.Arbitrary<Machine> =>
  fc
    .record({
      cpus: fc.integer({ min: 1, max: 8 }),
      budget: fc.double({ min: 0.05, max: 1, noNaN: true }),
      missing: fc.integer({ min: 0, max: 3 }),
      overruns: fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 1 }),
      latenessUs: fc.array(fc.integer({ min: 0, max: options.maxLateUs }), { minLength: 1 }),
    })
    .map(({ cpus, budget, missing, overruns, latenessUs }) => {
      const workers = Math.max(1, cpus - missing);
      return { workers, cores: budget * cpus, overruns, latenessUs };
    });

describe('the account', () => {
  it('never gives more than the budget and a twentieth in any two seconds', () => {
    fc.assert(
      fc.property(aMachine({ maxLateUs: 100_000 }), (machine) => {
        const account = new CpuAccount();
        account.setCores(machine.cores);
        const slices = simulate(account, machine);
        for (let fromUs = 0; fromUs + windowUs <= totalUs; fromUs += 50_000) {
          const usedUs = usedWithin(slices, fromUs, fromUs + windowUs);
          expect(usedUs / windowUs).toBeLessThanOrEqual(machine.cores * 1.05);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('gives nine tenths of what it may in ten seconds when sleepers wake in good time', () => {
    fc.assert(
      fc.property(aMachine({ maxLateUs: 2_000 }), (machine) => {
        const account = new CpuAccount();
        account.setCores(machine.cores);
        const usedUs = usedWithin(simulate(account, machine), 0, 10_000_000);
        const possible = Math.min(machine.cores, machine.workers);
        expect(usedUs / 10_000_000).toBeGreaterThanOrEqual(possible * 0.9);
      }),
      { numRuns: 25 },
    );
  });

  it('makes nothing of a turn that was given back', () => {
    const account = new CpuAccount();
    account.setCores(0.5);
    const first = account.take(1_000, 1_000_000);
    const second = account.take(1_000, 1_000_000);
    expect(second.startUs - first.startUs).toBe(2_000);
    account.giveBack(second);
    expect(account.take(1_000, 1_000_000).startUs).toBe(second.startUs);
  });

  it('sells at the new price when the budget has changed', () => {
    const account = new CpuAccount();
    account.setCores(0.1);
    expect(account.take(1_000, 0).wallUs).toBe(10_000);
    account.setCores(2);
    expect(account.take(1_000, 0).wallUs).toBe(500);
  });

  it('lets nobody sleep through a ring', () => {
    const account = new CpuAccount();
    const bell = account.bell();
    account.ring();
    expect(account.sleepUntil(Number.MAX_SAFE_INTEGER, bell)).toBe(false);
    expect(account.sleepUntil(0, bell)).toBe(true);
  });

  it('is the same account for every thread that has its memory', () => {
    const here = new CpuAccount();
    const there = new CpuAccount(here.memory);
    here.setCores(1);
    there.addUsed(7);
    there.addHashes(128);
    expect(there.take(1_000, 0).wallUs).toBe(1_000);
    expect([here.usedUs, here.hashes]).toEqual([7, 128]);
  });
});
