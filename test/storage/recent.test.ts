import { describe, expect, it } from 'vitest';
import { Recent } from '../../src/storage/recent.ts';
import type { Facts } from '../../src/storage/store.ts';

const factsOf = (seq: number): Facts => ({
  seq,
  arrivalMs: seq,
  isLazy: false,
  firstChildMs: undefined,
  isEntryPoint: false,
  isClosed: false,
});

describe('recent facts', () => {
  it('are bounded, and keep what is used', () => {
    const recent = new Recent(0);
    for (let seq = 1; seq <= 5_000; seq++) {
      recent.change(new Map([[`id ${seq}`, factsOf(seq)]]));
      expect(recent.get('id 1')?.seq).toBe(1);
    }
    const kept = Array.from({ length: 5_000 }, (_, seq) => recent.get(`id ${seq + 1}`));
    expect(kept.filter((facts) => facts !== undefined).length).toBeLessThanOrEqual(1_000);
    expect(recent.get('id 5000')?.seq).toBe(5_000);
  });

  it('keep what was read', () => {
    const recent = new Recent(0);
    expect(recent.keepRead('id', factsOf(7), recent.changeCount).seq).toBe(7);
    expect(recent.get('id')?.seq).toBe(7);
  });

  it('do not keep what an append may have overtaken', () => {
    const recent = new Recent(0);
    const { changeCount } = recent;
    recent.change(new Map([['another', factsOf(8)]]));
    expect(recent.keepRead('id', factsOf(7), changeCount).seq).toBe(7);
    expect(recent.get('id')).toBeUndefined();
  });

  it('prefer what they know to what was read', () => {
    const recent = new Recent(0);
    const { changeCount } = recent;
    recent.change(new Map([['id', { ...factsOf(7), firstChildMs: 9 }]]));
    expect(recent.keepRead('id', factsOf(7), changeCount).firstChildMs).toBe(9);
  });
});
