import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/support/build.ts'],
    setupFiles: ['test/support/conforming-fetch.ts'],
    include: ['test/**/*.test.ts'],
    // Bounds a hang, not a duration: no test asserts on the clock.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
