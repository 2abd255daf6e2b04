import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ClockWatch, builtAtMs } from '../../src/pruning/clock-watch.ts';

const later = builtAtMs + 1_000_000;

describe('the clock', () => {
  it('is trusted while it goes evenly', () => {
    const watch = new ClockWatch();
    for (let ms = 0; ms < 100_000; ms += 5_000) {
      expect(watch.isTrusted({ wallMs: later + ms * 1.001, evenMs: ms })).toBe(true);
    }
  });

  it('is not trusted before the program was built', () => {
    expect(new ClockWatch().isTrusted({ wallMs: builtAtMs - 1, evenMs: 0 })).toBe(false);
  });

  it.each([3_600_000, -3_600_000])('is not trusted for a minute after a jump by %d ms', (jump) => {
    const watch = new ClockWatch();
    const wallMs = later + 10_000_000;
    expect(watch.isTrusted({ wallMs, evenMs: 0 })).toBe(true);
    expect(watch.isTrusted({ wallMs: wallMs + jump, evenMs: 0 })).toBe(false);
    expect(watch.isTrusted({ wallMs: wallMs + jump + 59_999, evenMs: 59_999 })).toBe(false);
    expect(watch.isTrusted({ wallMs: wallMs + jump + 60_000, evenMs: 60_000 })).toBe(true);
  });

  it('is trusted by what is built now', () => {
    expect(Date.now()).toBeGreaterThan(builtAtMs);
    expect(readFileSync('CHANGELOG.md', 'utf8')).toContain('## 0.1.0');
  });
});
