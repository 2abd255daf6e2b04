import { describe, expect, it } from 'vitest';
import { ConnectionRate, countedClients } from '../../src/api/connection-rate.ts';

describe('connections in a minute', () => {
  it('are as many as a client may open, and as many again in the next', () => {
    let nowMs = 5;
    const rate = new ConnectionRate(2, () => nowMs);
    const ask = (...clients: readonly string[]): boolean[] =>
      clients.map((one) => rate.allows(one));
    expect(ask('a', 'a', 'a', 'b', 'a')).toEqual([true, true, false, true, false]);
    nowMs += 59_999;
    expect(ask('a', 'b', 'b')).toEqual([false, true, false]);
    nowMs += 1;
    expect(ask('a', 'b', 'a', 'a')).toEqual([true, true, true, false]);
  });

  it('are not counted when there is no limit', () => {
    const rate = new ConnectionRate(0);
    const answers = Array.from({ length: 10_000 }, () => rate.allows('a'));
    expect(answers).not.toContain(false);
  });

  it('of more clients than can be remembered forget who came first', () => {
    const rate = new ConnectionRate(1, () => 0);
    for (let client = 0; client <= countedClients; client += 1) rate.allows(`${client}`);
    expect([rate.allows('1'), rate.allows('0')]).toEqual([false, true]);
  });
});
