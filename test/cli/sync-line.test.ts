import { describe, expect, it } from 'vitest';
import { syncLine } from '../../src/cli/sync-line.ts';

const status = {
  isFirstCatchUp: true,
  takenMessages: 12_300,
  takenMs: 3_000,
  behindMessages: 37_700,
  neighbours: [],
};

describe('the line about catch-up', () => {
  it('says how far it is, how fast, and how long about', () => {
    expect(syncLine(status)).toBe(
      'Catching up: 12300 messages, 37700 to go, 4100 a second, about 10 s left',
    );
  });

  it('promises no end where nothing comes', () => {
    expect(syncLine({ ...status, takenMessages: 0 })).toBe(
      'Catching up: 0 messages, 37700 to go, 0 a second',
    );
  });

  it('is not there before anybody would wonder, or when nothing is missing', () => {
    expect(syncLine({ ...status, takenMs: 999 })).toBeUndefined();
    expect(syncLine({ ...status, behindMessages: 0 })).toBeUndefined();
  });
});
