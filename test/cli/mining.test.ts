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
  const full = '█'.repeat(20);

  it.each([
    [0, `${'░'.repeat(20)} 0 % of the expected work, 1.50 MH/s, 4.0 s more on average`],
    [
      520,
      `${'█'.repeat(10)}${'░'.repeat(10)} 52 % of the expected work, 1.50 MH/s, 4.0 s more on average`,
    ],
    [1000, `${full} 100 % of the expected work, 1.50 MH/s, 4.0 s more on average`],
    [2345, `${full} 234 % of the expected work, luck needed, 1.50 MH/s, 4.0 s more on average`],
  ])('after %i of 1000 hashes', (hashes, line) => {
    expect(miningLine({ jobId, state: 'mining', progress: { ...progress, hashes } })).toBe(line);
  });

  it('promises nothing while nothing is known', () => {
    expect(miningLine({ jobId, state: 'queued' })).toBe('Waiting for the node');
    const unknown = { ...progress, hashesPerSecond: 0, expectedHashes: 0, expectedMs: null };
    expect(miningLine({ jobId, state: 'mining', progress: unknown })).toBe(
      `${'░'.repeat(20)} 0 % of the expected work, 0.0 kH/s`,
    );
  });
});

describe('the line about a job that waits', () => {
  it('has its place', () => {
    const waiting = { ...progress, position: 3, expectedMs: 300_000 };
    expect(miningLine({ jobId, state: 'queued', progress: waiting })).toBe(
      'Waiting at place 3 of the queue, 5 min more on average',
    );
  });
});

describe('quantities', () => {
  it('have units that fit', () => {
    expect([0, 9_940, 12_345, 119_000, 120_000, 7_200_000].map(durationWords)).toEqual([
      '0.0 s',
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
