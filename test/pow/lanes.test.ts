import { PowHelper } from '@iota/iota.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { powDigestOf } from '../../src/protocol/ids.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import { GrayCounter } from '../../src/pow/gray.ts';
import { LaneMiner, LaneVerifier } from '../../src/pow/lanes.ts';

const aDigest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const aNonce = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constant(2n ** 64n - 1n));
const manyBatches = 1_000_000;

/** The nonces of one worker in the order in which they are tried, lane by lane. */
function* noncesInOrder(workerId: number): Generator<bigint, never> {
  const counter = new GrayCounter(25);
  for (;;) {
    const counting = [0, 5, 10, 15, 20].map((start) =>
      counter.trits.subarray(start, start + 5).reduceRight((sum, trit) => 3 * sum + trit, 0),
    );
    for (let lane = 0; lane < 32; lane++) {
      const bytes = Uint8Array.of(lane, ...counting, workerId & 0xff, workerId >> 8);
      yield new DataView(bytes.buffer).getBigUint64(0, true);
    }
    counter.advance();
  }
}

function firstHit(digest: Uint8Array, workerId: number, zeros: number): bigint | undefined {
  for (const nonce of noncesInOrder(workerId)) {
    if (trailingZeros(digest, nonce) >= zeros) return nonce;
  }
  return undefined;
}

describe('the verifier of 32 lanes', () => {
  it('agrees with the scalar reference on every lane', () => {
    const verifier = new LaneVerifier();
    const someWork = fc.array(fc.record({ digest: aDigest, nonce: aNonce }), { maxLength: 70 });
    fc.assert(
      fc.property(someWork, (work) => {
        const expected = work.map(({ digest, nonce }) => trailingZeros(digest, nonce));
        expect([...verifier.verify(work)]).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the miner of 32 lanes', () => {
  it('overlooks nothing: its nonce is the first of its order that has the zeros', () => {
    const miner = new LaneMiner();
    const aWorkerId = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(aDigest, aWorkerId, fc.nat({ max: 5 }), (digest, workerId, zeros) => {
        miner.start(digest, workerId, zeros);
        expect(miner.run(manyBatches)).toBe(firstHit(digest, workerId, zeros));
      }),
      { numRuns: 30 },
    );
  });

  it.each([0, 1, 8, 9, 10, 11])('reaches %i zeros, as the public client counts them', (zeros) => {
    const message = new Uint8Array(100).fill(zeros);
    const digest = powDigestOf(message);
    const miner = new LaneMiner();
    miner.start(digest, 0xffff, zeros);
    const nonce = miner.run(manyBatches)!;
    new DataView(message.buffer).setBigUint64(92, nonce, true);
    const found = trailingZeros(digest, nonce);
    expect(found).toBeGreaterThanOrEqual(zeros);
    expect([...new LaneVerifier().verify([{ digest, nonce }])]).toEqual([found]);
    expect(PowHelper.score(message)).toBeGreaterThanOrEqual(3 ** zeros / message.length);
  });

  it('comes to the same nonce in slices as in one run', () => {
    const digest = new Uint8Array(32).fill(7);
    const [inOne, inSlices] = [new LaneMiner(), new LaneMiner()];
    inOne.start(digest, 1, 9);
    inSlices.start(digest, 1, 9);
    let nonce;
    let slices = 0;
    for (; nonce === undefined; slices++) nonce = inSlices.run(1);
    expect(slices).toBeGreaterThan(1);
    expect(nonce).toBe(inOne.run(manyBatches));
  });

  it('is not disturbed by verifying between two slices', () => {
    const digest = new Uint8Array(32).fill(8);
    const [alone, disturbed, verifier] = [new LaneMiner(), new LaneMiner(), new LaneVerifier()];
    alone.start(digest, 1, 7);
    disturbed.start(digest, 1, 7);
    let nonce;
    while (nonce === undefined) {
      verifier.verify([{ digest, nonce: 1n }]);
      nonce = disturbed.run(1);
    }
    expect(nonce).toBe(alone.run(manyBatches));
  });

  it('forgets the job before', () => {
    const digest = new Uint8Array(32).fill(9);
    const [used, fresh] = [new LaneMiner(), new LaneMiner()];
    used.start(new Uint8Array(32), 3, 243);
    used.run(50);
    used.start(digest, 1, 6);
    fresh.start(digest, 1, 6);
    expect(used.run(manyBatches)).toBe(fresh.run(manyBatches));
  });
});
