import { describe, expect, it } from 'vitest';
import { powReport, reportText } from '../../src/cli/pow-report.ts';

const measured = {
  kernels: [
    { name: 'simd-256', hashesPerSecond: 9_000_000 },
    { name: 'simd-128', hashesPerSecond: 3 ** 13 },
  ],
  chosen: 'simd-128',
  peers: [{ name: '@iota/iota.js', hashesPerSecond: 5500 }],
  cores: 4,
};
const settings = { minPowScore: 4000, cpuBudget: 0.5, workers: 3 };

describe('what hash rates mean', () => {
  it('is told for the kernel that the node uses, on one thread and within its budget', () => {
    const { hashesPerSecond, messages } = powReport(measured, settings);
    expect(hashesPerSecond).toBe(2 * 3 ** 13);
    expect(messages.map(({ sizeBytes, zeros }) => [sizeBytes, zeros])).toEqual([
      [132, 12],
      [398, 13],
      [1195, 14],
      [3587, 15],
    ]);
    expect(messages.map(({ oneThreadMs }) => Math.round(oneThreadMs))).toEqual([
      333, 1000, 3000, 9000,
    ]);
    expect(messages.map(({ withinBudgetMs }) => Math.round(withinBudgetMs))).toEqual([
      167, 500, 1500, 4500,
    ]);
  });

  it('has no more threads than there are', () => {
    const { hashesPerSecond } = powReport(measured, { ...settings, workers: 1 });
    expect(hashesPerSecond).toBe(3 ** 13);
  });

  it('is a table for people', () => {
    const text = reportText(powReport(measured, settings));
    expect(text).toContain('simd-128       1.59 MH/s  used by the node\n');
    expect(text).toContain('@iota/iota.js  5.5 kH/s\n');
    expect(text).toContain('398 bytes   13     1,594,323   1.0 s       0.5 s          120\n');
    expect(text).toMatch(/The CPU budget is 50 % of 4 cores: 2\.0 of 3 threads, 3\.19 MH\/s\.$/);
  });
});
