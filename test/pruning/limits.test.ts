import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { limitsOf, minSizeBytes } from '../../src/pruning/limits.ts';
import type { PruningSettings } from '../../src/pruning/limits.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const disk = { folderBytes: 0, storeBytes: 0, freeBytes: 30 * GiB, totalBytes: 40 * GiB };
const settings: PruningSettings = { maxParentAgeMs: 900_000 };

function problemsOf(wish: Partial<PruningSettings>): unknown {
  try {
    limitsOf({ ...settings, ...wish }, disk);
    return [];
  } catch (error) {
    return error instanceof TangleError ? error.details['problems'] : error;
  }
}

describe('the limits', () => {
  it('fit the disk when nothing is set', () => {
    expect(limitsOf(settings, disk)).toEqual({
      maxSizeBytes: 15 * GiB,
      maxAgeMs: undefined,
      maxMessages: undefined,
      reserveDiskBytes: GiB,
      maxPinnedBytes: 64 * MiB,
      maxEntryPoints: 1_000_000,
      minAgeMs: 1_800_000,
    });
    // What the folder has counts as its own, so that a restart does not shrink it.
    const half = { ...disk, folderBytes: 15 * GiB, freeBytes: 15 * GiB };
    expect(limitsOf(settings, half).maxSizeBytes).toBe(15 * GiB);
    const small = { ...disk, freeBytes: 20 * MiB, totalBytes: 64 * MiB };
    const limits = limitsOf(settings, small);
    expect(limits.maxSizeBytes).toBe(minSizeBytes);
    expect(limits.maxPinnedBytes).toBe(Math.floor(minSizeBytes / 10));
    expect(limits.reserveDiskBytes).toBe(Math.floor((64 * MiB) / 20));
    const huge = { ...disk, freeBytes: 4000 * GiB, totalBytes: 4000 * GiB };
    expect(limitsOf(settings, huge).maxSizeBytes).toBe(64 * GiB);
  });

  it('are none when they are set to 0', () => {
    const none = limitsOf({ ...settings, maxSizeBytes: 0, reserveDiskBytes: 0 }, disk);
    expect(none).toMatchObject({ maxSizeBytes: undefined, reserveDiskBytes: 0 });
  });

  it('can be combined', () => {
    const wish = { maxSizeBytes: GiB, maxAgeMs: 1_800_000, maxMessages: 5_000 };
    expect(problemsOf(wish)).toEqual([]);
  });

  it.each([
    [{ maxSizeBytes: minSizeBytes - 1 }, "the store's own buffers"],
    [{ maxSizeBytes: 41 * GiB }, 'in all'],
    [{ reserveDiskBytes: 40 * GiB }, 'in all'],
    [{ maxSizeBytes: 30 * GiB, reserveDiskBytes: 11 * GiB }, 'together'],
    [{ maxSizeBytes: GiB, maxPinnedBytes: GiB / 2 + 1 }, 'half of'],
    [{ maxAgeMs: 1_799_999 }, 'twice tangle.maxParentAgeMs'],
  ])('%j are refused with a sentence', (wish, words) => {
    expect(problemsOf(wish)).toContainEqual(expect.stringContaining(words));
  });
});
