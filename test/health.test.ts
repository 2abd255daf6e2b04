import { describe, expect, it } from 'vitest';
import { healthChecks } from '../src/health.ts';
import type { HealthSources } from '../src/health.ts';

type State = ReturnType<HealthSources['network']['catchUp']['state']>;

const follow = (facts: Partial<State['neighbours'][number]>): State['neighbours'][number] => ({
  peerId: 'known',
  behindMessages: 0,
  behindMs: 0,
  isBelowCut: false,
  ...facts,
});

function sources(facts: {
  readonly followed?: State['neighbours'];
  readonly isConnected?: boolean | undefined;
  readonly delayMs?: number;
  readonly isWritable?: boolean;
}): HealthSources {
  const neighbour = {
    id: 'known',
    multiAddresses: [],
    relation: 'known',
    connected: true,
  } as const;
  return {
    store: {
      state: () =>
        facts.isWritable === false ? { writable: false, code: 'DISK_FULL' } : { writable: true },
    },
    loop: { maxDelayMs: () => facts.delayMs ?? 0 },
    network: {
      gossip: { neighbours: () => [neighbour], hasConfiguredNeighbour: facts.isConnected },
      catchUp: { state: () => ({ isFirstRunning: false, neighbours: facts.followed ?? [] }) },
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

  it.each([
    [{ behindMessages: 1_000 }, true],
    [{ behindMessages: 1_001 }, false],
    [{ behindMs: 60_000 }, true],
    [{ behindMs: 60_001 }, false],
    [{ isBelowCut: true }, false],
    [{ isBelowCut: true, peerId: 'a stranger' }, true],
    [{ behindMessages: 5_000, peerId: 'a stranger' }, true],
  ])('judges a neighbour that says %o', (facts, isGood) => {
    expect(failing(sources({ followed: [follow(facts)] })).length === 0).toBe(isGood);
  });
});
