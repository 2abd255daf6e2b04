import { describe, expect, it } from 'vitest';
import { healthChecks } from '../src/health.ts';
import type { HealthSources } from '../src/health.ts';

function sources(facts: {
  readonly reason?: string;
  readonly isConnected?: boolean | undefined;
  readonly delayMs?: number;
  readonly isWritable?: boolean;
  readonly pruning?: Partial<ReturnType<HealthSources['pruner']['status']>>;
}): HealthSources {
  return {
    store: {
      state: () =>
        facts.isWritable === false ? { writable: false, code: 'DISK_FULL' } : { writable: true },
    },
    pruner: { status: () => ({ ...healthyPruning, ...facts.pruning }) },
    loop: { maxDelayMs: () => facts.delayMs ?? 0 },
    network: {
      gossip: { hasConfiguredNeighbour: facts.isConnected },
      sync: () => ({
        reason: facts.reason,
        isFirstCatchUp: false,
        takenMessages: 0,
        takenMs: 0,
        behindMessages: 0,
        neighbours: [],
      }),
    },
  };
}

const MiB = 2 ** 20;
const healthyPruning = {
  isDiskLow: false,
  isBlocked: false,
  slowedMs: 0,
  disk: {
    folderBytes: 110 * MiB,
    storeBytes: 110 * MiB,
    freeBytes: 50 * MiB,
    totalBytes: 1000 * MiB,
  },
  limits: {
    maxSizeBytes: 100 * MiB,
    maxAgeMs: undefined,
    maxMessages: undefined,
    maxPinnedBytes: 10 * MiB,
    maxEntryPoints: 1_000_000,
    reserveDiskBytes: 60 * MiB,
    minAgeMs: 1,
  },
};

const failing = (given: HealthSources): readonly string[] =>
  healthChecks(given)
    .filter(({ ok }) => !ok)
    .map(({ name, reason }) => `${name}: ${reason}`);

describe('health', () => {
  it('is good for a node alone, because it does what it is configured for', () => {
    expect(failing(sources({}))).toEqual([]);
  });

  it('names a store that cannot write and a stuck event loop', () => {
    expect(failing(sources({ isWritable: false, delayMs: 2_000 }))).toEqual([
      'store: The store cannot write (DISK_FULL).',
      'event-loop: The node was stuck for 2000 ms.',
    ]);
    expect(failing(sources({ delayMs: 1_999 }))).toEqual([]);
  });

  it('names an archive that cannot be written', () => {
    const archive = { failure: 'The archive cannot be written.' };
    expect(failing({ ...sources({}), archive })).toEqual([
      'archive: The archive cannot be written.',
    ]);
    expect(failing({ ...sources({}), archive: { failure: undefined } })).toEqual([]);
  });

  it('names a disk that is nearly full and a folder that is too large', () => {
    expect(
      failing(sources({ pruning: { isDiskLow: true, slowedMs: 5, isBlocked: true } })),
    ).toEqual([
      'disk: The disk has 50 MiB free, less than the reserve of 60 MiB.',
      'size: The data folder has 110 MiB, above its limit of 100 MiB: messages are taken slower.',
    ]);
    expect(failing(sources({ pruning: { isBlocked: true } }))).toEqual([
      'size: What may be pruned is not enough to keep the limits of the disk.',
    ]);
  });

  it('asks for one of the configured neighbours', () => {
    expect(failing(sources({ isConnected: false }))).toEqual([
      'neighbours: None of the configured neighbours is connected.',
    ]);
    expect(failing(sources({ isConnected: true }))).toEqual([]);
  });

  it('says why the node is not in sync', () => {
    expect(failing(sources({ reason: 'Something is missing.' }))).toEqual([
      'catch-up: Something is missing.',
    ]);
  });
});
