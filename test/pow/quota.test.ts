import { describe, expect, it } from 'vitest';
import { Quota } from '../../src/pow/quota.ts';
import { HandClock } from '../support/clock.ts';

const minuteMs = 60_000;
const exhausted = 'as much proof of work as it may';

describe('the quota', () => {
  it('lets a client have so many hashes, and tells when there will be more', () => {
    const clock = new HandClock();
    const quota = new Quota(600, clock);
    for (let count = 0; count < 6; count++) {
      quota.check('a', 100);
      quota.take('a', 100);
    }
    const refusal = { code: 'POW_QUOTA', details: { retryAfterSeconds: 10 } };
    expect(() => quota.check('a', 100)).toThrow(expect.objectContaining(refusal));
    quota.check('b', 100);
    clock.advance(9_999);
    expect(() => quota.check('a', 100)).toThrow(exhausted);
    clock.advance(1);
    quota.check('a', 100);
  });

  it('lets a job through that is larger than it, but then nothing until that is made up for', () => {
    const clock = new HandClock();
    const quota = new Quota(100, clock);
    quota.check('a', 1_000);
    quota.take('a', 1_000);
    clock.advance(9 * minuteMs);
    expect(() => quota.check('a', 1)).toThrow(exhausted);
    clock.advance(minuteMs);
    quota.check('a', 1_000);
  });

  it('counts nothing for work that was not done', () => {
    const clock = new HandClock();
    const quota = new Quota(100, clock);
    quota.take('a', 100);
    quota.giveBack('a', 60, clock.now());
    quota.check('a', 60);
    expect(() => quota.check('a', 61)).toThrow(exhausted);
  });

  it('gives nothing back that has leaked away since', () => {
    const clock = new HandClock();
    const quota = new Quota(100, clock);
    const takenAtMs = clock.now();
    quota.take('a', 100);
    clock.advance(minuteMs);
    quota.take('a', 100);
    quota.giveBack('a', 100, takenAtMs);
    expect(() => quota.check('a', 1)).toThrow(exhausted);
  });

  it('is none when it is 0', () => {
    const quota = new Quota(0, new HandClock());
    quota.take('a', 1e12);
    quota.check('a', 1e12);
    expect(quota.clientCount).toBe(0);
  });

  it('remembers nobody for longer than it must', () => {
    const clock = new HandClock();
    const quota = new Quota(100, clock);
    for (let client = 0; client < 1_000; client++) quota.take(`${client}`, 100);
    expect(quota.clientCount).toBe(1_000);
    clock.advance(minuteMs);
    quota.take('late', 1);
    expect(quota.clientCount).toBe(1);
  });
});
