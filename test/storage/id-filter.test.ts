import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdFilter } from '../../src/storage/id-filter.ts';

const randomIds = (count: number): Buffer[] => Array.from({ length: count }, () => randomBytes(32));

describe('the filter of ids', () => {
  it('never denies what was added, whatever its size', () => {
    const someIds = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 200 });
    fc.assert(
      fc.property(someIds, fc.integer({ min: 0, max: 300 }), (ids, capacity) => {
        const filter = new IdFilter(capacity);
        for (const id of ids) filter.add(id);
        expect(ids.every((id) => filter.mayHave(id))).toBe(true);
        expect(filter.addedCount).toBe(ids.length);
      }),
    );
  });

  it('takes few strange ids for known ones when it is full, hardly any when it is half full', () => {
    const filter = new IdFilter(20_000);
    const strange = randomIds(20_000);
    const mistaken = (): number => strange.filter((id) => filter.mayHave(id)).length;
    for (const id of randomIds(10_000)) filter.add(id);
    // 0.06 % and 1 % on average: ten times as many is out of reach of chance.
    expect(mistaken()).toBeLessThan(120);
    for (const id of randomIds(10_000)) filter.add(id);
    expect(mistaken()).toBeLessThan(600);
  });
});
