// Real threads on a real machine: only the upper bound holds whatever else runs there.
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { CpuAccount, monotonicUs } from '../../src/pow/budget.ts';
import { chooseMiner } from '../../src/pow/choose.ts';
import { Miners } from '../../src/pow/miners.ts';

const windowUs = 2_000_000;
const totalUs = 4_000_000;
const lookMs = 50;

describe('miners', () => {
  it.each([0.1, 0.8])('never use more than %d cores and a twentieth', async (cores) => {
    const account = new CpuAccount();
    account.setCores(cores);
    const kernel = chooseMiner({});
    await using miners = await Miners.open({ workers: 2, kernel }, { log: silentLogger, account });
    const minings = [0, 1].map((space) =>
      miners.search({ digest: new Uint8Array(32), zeros: 243, space }),
    );
    const looks: { readonly atUs: number; readonly cpuUs: number }[] = [];
    const startUs = monotonicUs();
    const enough = Promise.withResolvers<void>();
    const timer = setInterval(() => {
      looks.push({ atUs: monotonicUs(), cpuUs: account.usedUs });
      if (monotonicUs() - startUs > totalUs) enough.resolve();
    }, lookMs);
    await enough.promise;
    clearInterval(timer);
    for (const mining of minings) mining.cancel();
    await Promise.all(minings.map(({ nonce }) => nonce));

    const shares = looks.flatMap((from) => {
      const to = looks.find(({ atUs }) => atUs - from.atUs >= windowUs);
      return to === undefined ? [] : [(to.cpuUs - from.cpuUs) / (to.atUs - from.atUs)];
    });
    expect(shares).not.toEqual([]);
    expect(Math.max(...shares)).toBeLessThanOrEqual(cores * 1.05);
  });
});
