import { describe, expect, it } from 'vitest';
import type { CatchUpState, NeighbourProgress } from '../../src/gossip/followed.ts';
import { syncStatus } from '../../src/gossip/in-sync.ts';

const neighbour = (facts: Partial<NeighbourProgress>): NeighbourProgress => ({
  peerId: 'named',
  isReading: false,
  takenMessages: 0,
  takenMs: 0,
  behindMessages: 0,
  behindMs: 0,
  isBelowCut: false,
  isTrusted: false,
  isDelivering: false,
  ...facts,
});

const stateOf = (
  neighbours: readonly NeighbourProgress[],
  facts: Partial<CatchUpState> = {},
): CatchUpState => ({
  isFirstRunning: false,
  hasCaughtUp: true,
  isCurrent: true,
  neighbours,
  ...facts,
});

const reasonOf = (facts: Partial<NeighbourProgress>, state: Partial<CatchUpState> = {}) =>
  syncStatus(stateOf([neighbour(facts)], state), (peerId) => peerId === 'named').reason;

const stranger = { peerId: 'a stranger' };

describe('a node is in sync', () => {
  it('alone, and with neighbours of other makes, whose logs nobody can read', () => {
    expect(syncStatus(stateOf([]), () => true).reason).toBeUndefined();
  });

  it.each([
    [{ behindMessages: 1_000 }, true],
    [{ behindMessages: 1_001 }, false],
    [{ behindMessages: 1, behindMs: 60_000 }, true],
    [{ behindMessages: 1, behindMs: 60_001 }, false],
  ])('with a neighbour that its owner named and that says %o: %s', (facts, isIn) => {
    expect(reasonOf(facts) === undefined).toBe(isIn);
  });

  it('whatever a stranger claims to have, unless it delivers it', () => {
    const claim = { ...stranger, behindMessages: 5_000, behindMs: 100_000 };
    expect(reasonOf(claim)).toBeUndefined();
    expect(reasonOf({ ...claim, isDelivering: true })).toMatch(/missing here/);
  });

  it('not while a neighbour has pruned what is missing, and says what to do', () => {
    expect(reasonOf({ isBelowCut: true })).toMatch(/gossip\.trusted/);
    expect(reasonOf({ isBelowCut: true, isTrusted: true })).toMatch(/not taken over yet/);
    expect(reasonOf({ ...stranger, isBelowCut: true }, { hasCaughtUp: false })).toMatch(/trusted/);
    expect(reasonOf({ ...stranger, isBelowCut: true })).toBeUndefined();
  });

  it('as far as its furthest neighbour, and tells how far it is', () => {
    const { neighbours: told, ...status } = syncStatus(
      stateOf(
        [
          neighbour({ isReading: true, takenMessages: 10, takenMs: 700, behindMessages: 40 }),
          neighbour({ isReading: true, takenMessages: 5, takenMs: 900, behindMessages: 7 }),
          neighbour({ ...stranger, behindMessages: 1_000_000 }),
        ],
        { isFirstRunning: true },
      ),
      (peerId) => peerId === 'named',
    );
    expect(status).toEqual({
      reason: undefined,
      isFirstCatchUp: true,
      takenMessages: 15,
      takenMs: 900,
      behindMessages: 40,
    });
    expect(told).toHaveLength(3);
  });
});
