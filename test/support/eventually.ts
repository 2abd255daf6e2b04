// What comes about by itself, some time.
import { vi } from 'vitest';

/** Looks again and again until it does not throw. Bounds a hang, not a duration, a little before the runner does. */
export function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, { timeout: 240_000 });
}
