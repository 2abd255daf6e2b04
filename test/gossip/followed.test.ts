import { describe, expect, it } from 'vitest';
import { isAwaited, newFollowed, notePage, progressOf } from '../../src/gossip/followed.ts';

const page = (acceptedCount: number, lastSeq = 10_000) => ({
  cursor: { logId: 'ab', nextSeq: 501 },
  lastSeq,
  acceptedCount,
});

describe('a neighbour whose log is followed', () => {
  it('is so far ahead as its log goes beyond what was read', () => {
    const followed = newFollowed({ peerId: 'one', isTrusted: false }, 0);
    expect(progressOf(followed, 5)).toMatchObject({ behindMessages: 0, behindMs: 0 });
    notePage(followed, page(500), 10);
    expect(progressOf(followed, 70)).toMatchObject({ behindMessages: 9_500, behindMs: 70 });
    notePage(followed, page(0, 500), 20);
    expect(progressOf(followed, 70)).toMatchObject({ behindMessages: 0, takenMessages: 500 });
  });

  it('delivers while it brings a thousand new messages a minute', () => {
    const followed = newFollowed({ peerId: 'one', isTrusted: false }, 0);
    const isDelivering = (nowMs: number): boolean => progressOf(followed, nowMs).isDelivering;
    notePage(followed, page(999), 30_000);
    expect(isDelivering(30_000)).toBe(false);
    notePage(followed, page(1), 59_999);
    expect([isDelivering(59_999), isDelivering(119_998)]).toEqual([true, true]);
    expect(isDelivering(119_999)).toBe(false);
    // Slower than that, it proves nothing.
    for (let minute = 2; minute < 9; minute++) notePage(followed, page(500), minute * 60_000);
    expect(isDelivering(9 * 60_000)).toBe(false);
  });

  it('keeps clients waiting a minute, longer only while it delivers', () => {
    const followed = newFollowed({ peerId: 'one', isTrusted: false }, 0);
    followed.phase = 'reading';
    notePage(followed, page(1), 50_000);
    expect([59_999, 60_000].map((nowMs) => isAwaited(followed, 0, nowMs))).toEqual([true, false]);
    notePage(followed, page(2_000), 60_000);
    expect([119_999, 120_000].map((nowMs) => isAwaited(followed, 0, nowMs))).toEqual([true, false]);
    followed.phase = 'resting';
    expect(isAwaited(followed, 0, 1)).toBe(false);
  });
});
