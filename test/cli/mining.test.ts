import { describe, expect, it } from 'vitest';
import { durationWords, miningLine, rateWords } from '../../src/cli/mining.ts';

const jobId = 'ab'.repeat(16);
const progress = {
  position: 0,
  hashes: 0,
  expectedHashes: 1000,
  hashesPerSecond: 1_500_000,
  expectedMs: 4000,
};

describe('the line about a job that is mined', () => {
  const full = '█'.repeat(15);

  it.each([
    [0, `${'░'.repeat(15)} 0 % of expected work, 1.50 MH/s, about 4.0 s more`],
    [520, `${'█'.repeat(7)}${'░'.repeat(8)} 52 % of expected work, 1.50 MH/s, about 4.0 s more`],
    [1000, `${full} 100 % of expected work, 1.50 MH/s, about 4.0 s more`],
    [2345, `${full} 234 % of expected work, luck needed, 1.50 MH/s, about 4.0 s more`],
  ])('after %i of 1000 hashes', (hashes, line) => {
    expect(miningLine({ jobId, state: 'mining', progress: { ...progress, hashes } })).toBe(line);
  });

  it('promises nothing while nothing is known', () => {
    expect(miningLine({ jobId, state: 'queued' })).toBe('Waiting for the node');
    const unknown = { ...progress, hashesPerSecond: 0, expectedHashes: 0, expectedMs: null };
    expect(miningLine({ jobId, state: 'mining', progress: unknown })).toBe(
      `${'░'.repeat(15)} 0 % of expected work, 0.0 kH/s`,
    );
  });
});

describe('the line about a job that waits', () => {
  it('has its place', () => {
    const waiting = { ...progress, position: 3, expectedMs: 300_000 };
    expect(miningLine({ jobId, state: 'queued', progress: waiting })).toBe(
      'Waiting at place 3 of the queue, about 5 min more',
    );
  });
});

describe('quantities', () => {
  it('have units that fit', () => {
    expect([74, 9_940, 12_345, 119_000, 120_000, 7_200_000].map(durationWords)).toEqual([
      '74 ms',
      '9.9 s',
      '12 s',
      '119 s',
      '2 min',
      '2.0 h',
    ]);
    expect([0, 1_234, 999_000, 7_654_321].map(rateWords)).toEqual([
      '0.0 kH/s',
      '1.2 kH/s',
      '999.0 kH/s',
      '7.65 MH/s',
    ]);
  });
});
