import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asMessageId, genesisId, idText, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { TipPool, maxTips, selectedTips } from '../../src/tangle/tips.ts';
import type { TipMessage } from '../../src/tangle/tips.ts';
import { HandClock } from '../support/clock.ts';

const idOf = (n: number): MessageId =>
  asMessageId(new Uint8Array(createHash('sha256').update(String(n)).digest()));
const hexes = (ids: readonly MessageId[]): string[] => ids.map(messageIdHex);

function aMessage(
  id: MessageId,
  parents: readonly MessageId[],
  { isLazy } = { isLazy: false },
): TipMessage {
  return { id, key: idText(id), parentKeys: parents.map(idText), isLazy };
}

function aPool(): { pool: TipPool; clock: HandClock } {
  const clock = new HandClock();
  const pool = new TipPool({ clock });
  pool.reset([genesisId]);
  return { pool, clock };
}

describe('the tip pool', () => {
  it('offers the genesis first, and a new message beside it until the genesis retires', () => {
    const { pool, clock } = aPool();
    expect(hexes(pool.select())).toEqual(hexes([genesisId]));
    pool.add([aMessage(idOf(1), [genesisId])]);
    expect(pool.size).toBe(2);
    clock.advance(2_999);
    expect(hexes(pool.select())).toEqual(hexes([idOf(1), genesisId].toSorted(Buffer.compare)));
    clock.advance(1);
    expect(hexes(pool.select())).toEqual(hexes([idOf(1)]));
  });

  it('never offers a lazy message and lets it retire nobody', () => {
    const { pool, clock } = aPool();
    pool.add([aMessage(idOf(1), [genesisId], { isLazy: true })]);
    clock.advance(60_000);
    expect(hexes(pool.select())).toEqual(hexes([genesisId]));
  });

  it('retires a tip at its thirtieth approval, not at its twenty-ninth', () => {
    const { pool } = aPool();
    const approve = (n: number) => pool.add([aMessage(idOf(n), [genesisId])]);
    for (let n = 1; n <= 29; n++) approve(n);
    expect(pool.size).toBe(30);
    approve(30);
    expect(pool.size).toBe(30);
  });

  it('retires an approved tip at once when there are more than a hundred', () => {
    const { pool, clock } = aPool();
    pool.add([aMessage(idOf(0), [idOf(-1)])]);
    for (let n = 1; n < 100; n++) pool.add([aMessage(idOf(n), [idOf(-n)])]);
    expect(pool.size).toBe(101);
    clock.advance(1);
    pool.add([aMessage(idOf(500), [idOf(7)])]);
    expect(pool.size).toBe(101);
  });

  it('holds at most its limit, dropping the oldest', () => {
    const { pool } = aPool();
    for (let n = 0; n < maxTips + 10; n++) {
      pool.add([aMessage(idOf(n), [idOf(-n - 1)])]);
    }
    expect(pool.size).toBe(maxTips);
  });

  it('draws every tip about equally often', () => {
    const { pool } = aPool();
    pool.reset(Array.from({ length: 20 }, (_, n) => idOf(n)));
    const draws = new Map<string, number>();
    const rounds = 4_000;
    for (let round = 0; round < rounds; round++) {
      for (const id of hexes(pool.select())) draws.set(id, (draws.get(id) ?? 0) + 1);
    }
    const expected = (rounds * selectedTips) / 20;
    expect(draws.size).toBe(20);
    // Six standard deviations of a binomial with p = 1/5: a false alarm once in 10^8 runs.
    const slack = 6 * Math.sqrt(rounds * 0.2 * 0.8);
    for (const count of draws.values()) expect(Math.abs(count - expected)).toBeLessThan(slack);
  });

  it('never empties and always selects sorted, unique tips, whatever comes', () => {
    const step = fc.record({
      parents: fc.array(fc.nat(60), { minLength: 1, maxLength: 8 }),
      isLazy: fc.boolean(),
      waitMs: fc.constantFrom(0, 10, 2_999, 3_001, 1_000_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { pool, clock } = aPool();
        let next = 100;
        for (const { parents, isLazy, waitMs } of steps) {
          const named = [...new Set(parents)].map((n) => (n === 0 ? genesisId : idOf(next - n)));
          pool.add([aMessage(idOf(next++), named, { isLazy })]);
          clock.advance(waitMs);
          const selected = hexes(pool.select());
          expect(selected.length).toBeGreaterThan(0);
          expect(selected.length).toBeLessThanOrEqual(selectedTips);
          expect(selected).toEqual([...new Set(selected)].toSorted());
        }
      }),
    );
  });
});
