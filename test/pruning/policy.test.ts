import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PruningLimits } from '../../src/pruning/limits.ts';
import { decide, headroomOf, minKeptMessages } from '../../src/pruning/policy.ts';
import { planOf } from '../../src/pruning/plan.ts';
import type { PruningFacts } from '../../src/pruning/policy.ts';

const MiB = 1024 * 1024;

/** A log whose numbers have no gaps. */
function someFacts(wish: Partial<PruningFacts> & { readonly lastSeq?: number } = {}): PruningFacts {
  const { lastSeq = 100_000, cutSeq = 0 } = wish;
  return {
    cutSeq,
    messageCount: lastSeq - cutSeq,
    folderBytes: 50 * MiB,
    storeBytes: wish.folderBytes ?? 50 * MiB,
    freeBytes: 1000 * MiB,
    entryPointCount: 0,
    isUnderway: false,
    reclaimableBytes: 0,
    pinnedBytes: 0,
    maxAgeSeq: cutSeq,
    minAgeSeq: cutSeq,
    oldestTipSeq: lastSeq,
    isClockTrusted: true,
    seqBeforeNewest: (count) => Math.max(cutSeq, lastSeq - count),
    ...wish,
  };
}

const noLimits: PruningLimits = {
  maxSizeBytes: undefined,
  maxAgeMs: undefined,
  maxMessages: undefined,
  reserveDiskBytes: 100 * MiB,
  maxPinnedBytes: 64 * MiB,
  maxEntryPoints: 1_000_000,
  minAgeMs: 1_800_000,
};

describe('the policy', () => {
  it('keeps everything without limits, however full the disk is', () => {
    const facts = someFacts({ folderBytes: 1e15, freeBytes: 0, minAgeSeq: 90_000 });
    expect(decide(facts, noLimits)).toEqual({ upToSeq: 0, isBlocked: false, isTooYoung: false });
  });

  it('has nothing to complain of while a new node has only the genesis', () => {
    const facts = someFacts({ lastSeq: 0, oldestTipSeq: 0, folderBytes: MiB });
    expect(decide(facts, { ...noLimits, maxSizeBytes: 64 * MiB })).toEqual({
      upToSeq: 0,
      isBlocked: false,
      isTooYoung: false,
    });
  });

  it('cuts a slice more while there are too many entry points, however young, but leaves the newest', () => {
    const limits = { ...noLimits, maxMessages: 1_000_000 };
    const crowded = someFacts({ entryPointCount: 1_000_001 });
    expect(decide(crowded, limits)).toMatchObject({ upToSeq: 16_384, isBlocked: false });
    const lessCrowded = someFacts({ entryPointCount: 995_000 });
    expect(decide(lessCrowded, limits).upToSeq).toBe(0);
    expect(decide({ ...lessCrowded, isUnderway: true }, limits).upToSeq).toBe(16_384);
    const few = someFacts({ entryPointCount: 2_000_000, lastSeq: 5_000 });
    expect(decide(few, limits)).toMatchObject({ upToSeq: 4_900, isBlocked: false });
    expect(decide(crowded, noLimits).upToSeq).toBe(0);
  });

  it('goes by age as far as it was told', () => {
    const facts = someFacts({ maxAgeSeq: 40_000, minAgeSeq: 90_000 });
    expect(decide(facts, { ...noLimits, maxAgeMs: 3_600_000 }).upToSeq).toBe(40_000);
  });

  it('goes by number to a little below it, and keeps more while they are young', () => {
    const limits = { ...noLimits, maxMessages: 10_000 };
    expect(decide(someFacts({ minAgeSeq: 95_000 }), limits).upToSeq).toBe(90_100);
    const young = decide(someFacts({ minAgeSeq: 50_000 }), limits);
    expect(young).toMatchObject({ upToSeq: 50_000, isTooYoung: true });
  });

  it('goes by size, also when everything is young, to less when it is underway', () => {
    const limits = { ...noLimits, maxSizeBytes: 64 * MiB };
    const facts = someFacts({ folderBytes: 70 * MiB });
    // 10 of 70 MiB are too much.
    expect(decide(facts, limits).upToSeq).toBe(Math.ceil(100_000 / 7));
    expect(decide({ ...facts, isUnderway: true }, limits).upToSeq).toBe(20_000);
    expect(decide({ ...facts, reclaimableBytes: 10 * MiB }, limits).upToSeq).toBe(0);
  });

  it('frees what the disk lacks, when any limit is set', () => {
    const facts = someFacts({ freeBytes: 75 * MiB });
    const limits = { ...noLimits, maxSizeBytes: 1000 * MiB };
    expect(decide(facts, limits).upToSeq).toBe(50_000);
  });

  it('says when the size asks for more than may go', () => {
    const facts = someFacts({ folderBytes: 1000 * MiB, oldestTipSeq: 31 });
    const limits = { ...noLimits, maxSizeBytes: 64 * MiB };
    expect(decide(facts, limits)).toMatchObject({ upToSeq: 30, isBlocked: true });
  });

  it('believes no age while the clock is not trusted', () => {
    const facts = someFacts({ isClockTrusted: false, maxAgeSeq: 90_000, minAgeSeq: 90_000 });
    const limits = { ...noLimits, maxAgeMs: 3_600_000, maxMessages: 10 };
    expect(decide(facts, limits).upToSeq).toBe(0);
    const bySize = { ...facts, folderBytes: 100 * MiB };
    expect(decide(bySize, { ...limits, maxSizeBytes: 64 * MiB }).upToSeq).toBeGreaterThan(0);
  });
});

const limits: fc.Arbitrary<PruningLimits> = fc.record({
  maxSizeBytes: fc.option(fc.integer({ min: 64 * MiB, max: 1e12 }), { nil: undefined }),
  maxAgeMs: fc.option(fc.integer({ min: 1, max: 1e12 }), { nil: undefined }),
  maxMessages: fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: undefined }),
  reserveDiskBytes: fc.integer({ min: 0, max: 1e12 }),
  maxPinnedBytes: fc.constant(64 * MiB),
  maxEntryPoints: fc.constant(1_000_000),
  minAgeMs: fc.constant(1_800_000),
});

const facts: fc.Arbitrary<PruningFacts> = fc
  .record({ cutSeq: fc.nat(100_000), more: fc.nat(100_000) })
  .chain(({ cutSeq, more }) => {
    const lastSeq = cutSeq + more;
    const seq = fc.integer({ min: cutSeq, max: lastSeq });
    return fc
      .record({
        folderBytes: fc.integer({ min: 0, max: 1e12 }),
        freeBytes: fc.integer({ min: 0, max: 1e12 }),
        entryPointCount: fc.constantFrom(0, 2_000_000),
        isUnderway: fc.boolean(),
        reclaimableBytes: fc.integer({ min: 0, max: 1e9 }),
        pinnedBytes: fc.integer({ min: 0, max: 64 * MiB }),
        maxAgeSeq: seq,
        minAgeSeq: seq,
        oldestTipSeq: seq,
        isClockTrusted: fc.boolean(),
      })
      .map((wish) => someFacts({ ...wish, cutSeq, lastSeq }));
  });

describe('what a message takes', () => {
  it('is a share of the databases, not of the ballast beside them', () => {
    const some = someFacts({ folderBytes: 70 * MiB, storeBytes: 40 * MiB });
    const given = { ...noLimits, maxSizeBytes: 64 * MiB };
    // 10 MiB too much of 40 MiB: to a sixteenth below the limit.
    expect(decide(some, given).upToSeq).toBe(25_000);
    expect(planOf({ keepMessages: 50_000 }, some)).toMatchObject({ estimatedBytes: 20 * MiB });
  });

  it('is neither what was pruned already nor what pins keep', () => {
    const some = someFacts({
      folderBytes: 55 * MiB,
      reclaimableBytes: 10 * MiB,
      pinnedBytes: 5 * MiB,
    });
    expect(planOf({ keepMessages: 50_000 }, some)).toMatchObject({ estimatedBytes: 20 * MiB });
  });
});

describe('whatever the facts and limits are, the policy', () => {
  it('never goes back, and keeps the newest tips and messages', () => {
    fc.assert(
      fc.property(facts, limits, (some, given) => {
        const { upToSeq } = decide(some, given);
        expect(upToSeq).toBeGreaterThanOrEqual(some.cutSeq);
        if (upToSeq === some.cutSeq) return;
        expect(upToSeq).toBeLessThan(some.oldestTipSeq);
        expect(upToSeq).toBeLessThanOrEqual(some.seqBeforeNewest(minKeptMessages));
      }),
    );
  });

  it('takes nothing young for its age or for its number', () => {
    fc.assert(
      fc.property(facts, limits, (some, given) => {
        const free = { freeBytes: Number.MAX_SAFE_INTEGER, entryPointCount: 0 };
        const roomy = { ...some, ...free, folderBytes: 0 };
        const { upToSeq } = decide(roomy, given);
        expect(upToSeq).toBeLessThanOrEqual(Math.max(some.cutSeq, some.minAgeSeq));
        const ofNoAge = decide({ ...roomy, isClockTrusted: false }, given);
        expect(ofNoAge.upToSeq).toBe(some.cutSeq);
      }),
    );
  });

  it('takes no less when there is more, and no more when more is allowed', () => {
    fc.assert(
      fc.property(facts, limits, fc.nat(1e9), (found, given, more) => {
        const some = { ...found, freeBytes: Number.MAX_SAFE_INTEGER };
        const { upToSeq } = decide(some, given);
        const fuller = { ...some, folderBytes: some.folderBytes + more };
        expect(decide(fuller, given).upToSeq).toBeGreaterThanOrEqual(upToSeq);
        const larger = {
          ...given,
          maxSizeBytes: given.maxSizeBytes && given.maxSizeBytes + more,
          maxMessages: given.maxMessages && given.maxMessages + more,
        };
        expect(decide(some, larger).upToSeq).toBeLessThanOrEqual(upToSeq);
      }),
    );
  });

  it('asks for nothing more once the size is kept', () => {
    fc.assert(
      fc.property(facts, limits, (some, given) => {
        const { maxSizeBytes } = given;
        if (maxSizeBytes === undefined) return;
        const room = maxSizeBytes - 2 * headroomOf(maxSizeBytes);
        const free = { freeBytes: Number.MAX_SAFE_INTEGER, entryPointCount: 0 };
        const small = { ...some, ...free, folderBytes: room };
        const bySize = { ...given, maxAgeMs: undefined, maxMessages: undefined };
        expect(decide(small, bySize).upToSeq).toBe(some.cutSeq);
      }),
    );
  });
});
