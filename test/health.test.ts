import { describe, expect, it } from 'vitest';
import { healthChecks } from '../src/health.ts';
import type { HealthSources } from '../src/health.ts';

function sources(facts: {
  readonly reason?: string;
  readonly isConnected?: boolean | undefined;
  readonly delayMs?: number;
  readonly isWritable?: boolean;
}): HealthSources {
  return {
    store: {
      state: () =>
        facts.isWritable === false ? { writable: false, code: 'DISK_FULL' } : { writable: true },
    },
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
