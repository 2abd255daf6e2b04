import { defineConfig } from 'vitest/config';

/**
 * Bounds a hang, not a duration: no test asserts on the clock. Measured: a test of 22 s of CPU takes 135 s while
 * six others want each core.
 */
const hangMs = 300_000;

export default defineConfig({
  test: {
    globalSetup: ['test/support/build.ts'],
    setupFiles: ['test/support/conforming-fetch.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: hangMs,
    hookTimeout: hangMs,
    // A little earlier, so that a failure tells what was seen last.
    expect: { poll: { timeout: 0.8 * hangMs } },
    maxWorkers: 2,
  },
});
