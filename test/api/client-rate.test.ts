import { describe, expect, it } from 'vitest';
import { ClientRate, countedClients } from '../../src/api/client-rate.ts';

describe('what a client may do in a minute', () => {
  it('is so much from the first on, then the same again', () => {
    let nowMs = 5;
    const rate = new ClientRate(2, () => nowMs);
    const ask = (...clients: readonly string[]): number[] => clients.map((one) => rate.waitMs(one));
    expect(ask('a', 'a', 'a')).toEqual([0, 0, 60_000]);
    nowMs += 10_000;
    expect(ask('a', 'b', 'b', 'b')).toEqual([50_000, 0, 0, 60_000]);
    nowMs += 49_999;
    expect(ask('a', 'b')).toEqual([1, 10_001]);
    nowMs += 1;
    expect(ask('a', 'b', 'a', 'a')).toEqual([0, 10_000, 0, 60_000]);
  });

  it('is not counted when there is no limit', () => {
    const rate = new ClientRate(0);
    const answers = Array.from({ length: 10_000 }, () => rate.waitMs('a'));
    expect(Math.max(...answers)).toBe(0);
  });

  it('is forgotten of the client that was silent longest, when they are more than can be remembered', () => {
    const rate = new ClientRate(1, () => 0);
    for (let client = 0; client < countedClients; client += 1) rate.waitMs(`${client}`);
    expect(rate.waitMs('0')).toBeGreaterThan(0);
    expect(rate.waitMs('a newcomer')).toBe(0);
    expect(['0', '2'].map((client) => rate.waitMs(client) > 0)).toEqual([true, true]);
    expect(rate.waitMs('1')).toBe(0);
  });
});
