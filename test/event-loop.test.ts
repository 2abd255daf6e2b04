import { describe, expect, it } from 'vitest';
import { usualDelayMs } from '../src/event-loop.ts';

const means = (...delays: number[]) => delays.map((meanMs) => ({ meanMs }));

describe('the usual delay of the event loop', () => {
  it('is that of both windows, above what an idle loop shows', () => {
    expect(usualDelayMs(means(50, 50))).toBe(0);
    expect(usualDelayMs(means(450, 350, 50))).toBe(300);
  });

  it('is not that of one pause, nor of a window without a tick', () => {
    expect(usualDelayMs(means(3050, 50))).toBe(0);
    expect(usualDelayMs(means(NaN, 3050))).toBe(0);
    expect(usualDelayMs(means(3050))).toBe(0);
    expect(usualDelayMs([])).toBe(0);
  });
});
