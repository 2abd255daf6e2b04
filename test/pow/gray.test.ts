import { describe, expect, it } from 'vitest';
import { GrayCounter } from '../../src/pow/gray.ts';

describe('the Gray counter', () => {
  it('meets every value once and moves one trit by one each time', () => {
    const counter = new GrayCounter(7);
    const seen = new Set<string>();
    for (;;) {
      seen.add(counter.trits.join());
      if (seen.size === 3 ** 7) break;
      const before = [...counter.trits];
      const index = counter.advance();
      const moves = counter.trits.map((trit, other) => trit - before[other]!);
      expect(Math.abs(moves[index]!)).toBe(1);
      expect(moves.filter((move) => move !== 0)).toHaveLength(1);
    }
    expect([...seen].every((value) => /^(-1|0|1)(,(-1|0|1)){6}$/.test(value))).toBe(true);
  });
});
