// The store is killed within intake, pruning, compaction and backup: every time it is whole afterwards, and nothing
// that was acknowledged and not pruned is missing.
import { describe, expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { Testimony, expectWhole, killWithin, victimPhases } from './phases.ts';

const kills = Number(process.env['CRASH_PHASE_KILLS'] ?? 4);
/** A kill may come a moment too late for its phase; such a one counts for nothing. */
const maxMisses = 10 * kills;

describe('a store that is killed', () => {
  for (const phase of victimPhases) {
    it(`within ${phase}, ${kills} times, is whole`, { timeout: 600_000 }, async () => {
      await using folder = await aFolder();
      const testimony = new Testimony();
      let [hits, misses] = [0, 0];
      while (hits < kills && misses < maxMisses) {
        if (await killWithin(phase, folder.path, testimony)) hits += 1;
        else misses += 1;
        await expectWhole(folder.path, testimony);
      }
      expect(hits).toBe(kills);
      expect(testimony.acknowledged.size).toBeGreaterThan(0);
    });
  }
});
