import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { PowHelper } from '@iota/iota.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nonceOf, powDigestOf } from '../../src/protocol/ids.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import {
  loadFastestKernel,
  loadKernel,
  SimdMiner,
  SimdVerifier,
  simdSupported,
} from '../../src/pow/simd.ts';
import vectors from '../vectors/pow.json' with { type: 'json' };

const manyBatches = 1_000_000;
const aDigest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const aNonce = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n),
);

/** Always the same ones, so that no test passes or fails by luck. */
function digestOf(name: string): Uint8Array {
  return powDigestOf(Buffer.from(`${name}, and eight bytes`));
}

/** The trits of the counter after `step` batches: a reflected ternary Gray code, by definition. */
function counterAt(step: number): number[] {
  return Array.from({ length: 25 }, (_, index) => {
    const rest = Math.floor(step / 3 ** index);
    const isReflected = Math.floor(rest / 3) % 2 === 1;
    return isReflected ? 1 - (rest % 3) : (rest % 3) - 1;
  });
}

/** The nonces of one batch, lane by lane. */
function noncesOf(counter: readonly number[], workerId: number, lanes: number): bigint[] {
  const counting = [0, 5, 10, 15, 20].map((start) =>
    counter.slice(start, start + 5).reduceRight((sum, trit) => 3 * sum + trit, 0),
  );
  return Array.from({ length: lanes }, (_, lane) => {
    const bytes = Uint8Array.of(lane - lanes / 2, ...counting, workerId & 0xff, workerId >> 8);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  });
}

function loadWideKernel(): WebAssembly.Module {
  if (process.arch === 'x64') setFlagsFromString('--experimental-wasm-revectorize');
  const file = new URL('../../dist/pow-kernel-wide.wasm', import.meta.url);
  return new WebAssembly.Module(readFileSync(file));
}

describe.each([
  { lanes: 128, load: loadKernel },
  { lanes: 256, load: loadWideKernel },
])('the verifier of $lanes lanes', ({ lanes, load }) => {
  const verifier = new SimdVerifier(load());

  it('finds the zeros of all vectors, together and one by one', () => {
    const work = vectors.map(({ bytes }) => {
      const message = Buffer.from(bytes, 'hex');
      return { digest: powDigestOf(message), nonce: nonceOf(message) };
    });
    const zeros = vectors.map((vector) => vector.zeros);
    expect([...verifier.verify(work)]).toEqual(zeros);
    expect(work.map((one) => verifier.verifyOne(one))).toEqual(zeros);
  });

  it('agrees with the scalar reference on every lane', () => {
    const someWork = fc.array(fc.record({ digest: aDigest, nonce: aNonce }), {
      minLength: lanes,
      maxLength: lanes,
    });
    fc.assert(
      fc.property(someWork, (work) => {
        const expected = work.map(({ digest, nonce }) => trailingZeros(digest, nonce));
        expect([...verifier.verify(work)]).toEqual(expected);
        expect(work.map((one) => verifier.verifyOne(one))).toEqual(expected);
      }),
      { numRuns: 8 },
    );
  });

  it('agrees with itself: together as one by one', () => {
    const digest = digestOf('itself');
    const work = Array.from({ length: 100 * lanes }, (_, nonce) => ({
      digest,
      nonce: BigInt(nonce),
    }));
    const zeros = verifier.verify(work);
    expect([...zeros]).toEqual(work.map((one) => verifier.verifyOne(one)));
    expect(Math.max(...zeros)).toBeGreaterThan(6);
  });

  it.each([0, 1, 17, 18, 127, 128, 129, 300])('keeps the order of %i items', (count) => {
    const digest = digestOf('order');
    const work = Array.from({ length: count }, (_, index) => ({ digest, nonce: BigInt(index) }));
    const expected = work.map(({ nonce }) => trailingZeros(digest, nonce));
    expect([...verifier.verify(work)]).toEqual(expected);
  });
});

describe.each([
  { lanes: 128, load: loadKernel },
  { lanes: 256, load: loadWideKernel },
])('the miner of $lanes lanes', ({ lanes, load }) => {
  const kernel = load();
  const miner = new SimdMiner(kernel);
  const verifier = new SimdVerifier(kernel);

  function zerosOf(digest: Uint8Array, nonces: readonly bigint[]): Uint8Array {
    return verifier.verify(nonces.map((nonce) => ({ digest, nonce })));
  }

  /** The first nonce, in the order of batches and lanes, that has the zeros. */
  function firstHit(digest: Uint8Array, workerId: number, zeros: number): bigint {
    for (let step = 0; ; step++) {
      const nonces = noncesOf(counterAt(step), workerId, lanes);
      const lane = zerosOf(digest, nonces).findIndex((found) => found >= zeros);
      if (lane >= 0) return nonces[lane]!;
    }
  }

  it('overlooks nothing: its nonce is the first of its order that has the zeros', () => {
    const aWorkerId = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(aDigest, aWorkerId, fc.nat({ max: 8 }), (digest, workerId, zeros) => {
        miner.start(digest, workerId, zeros);
        const nonce = miner.run(manyBatches);
        expect(nonce).toBe(firstHit(digest, workerId, zeros));
        expect(trailingZeros(digest, nonce!)).toBeGreaterThanOrEqual(zeros);
      }),
      { numRuns: 40 },
    );
  });

  it('overlooks nothing in hundreds of thousands of nonces', () => {
    const digest = digestOf('far away');
    miner.start(digest, 0xabcd, 12);
    expect(miner.run(2000)).toBeUndefined();
    expect(miner.run(manyBatches)).toBe(firstHit(digest, 0xabcd, 12));
  });

  it.each([4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24])(
    'changes trit %i of the counter right, which takes days to reach for the last',
    (trit) => {
      const { exports } = new WebAssembly.Instance<{
        readonly memory: { readonly buffer: ArrayBuffer };
        readonly work: { readonly value: number };
        readonly batchCount: { value: bigint };
        start(workerId: number, zeros: number): void;
        run(batches: number): number;
      }>(kernel);
      const work = new DataView(exports.memory.buffer, exports.work.value);
      const firstNonces = noncesOf(counterAt(0), 1, lanes);
      const digest = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        .map((attempt) => digestOf(`trit ${trit} ${attempt}`))
        .find((each) => Math.max(...zerosOf(each, firstNonces)) < 7)!;
      new Uint8Array(exports.memory.buffer, exports.work.value).set(digest);
      exports.start(1, 7);
      // As if all lower trits had come and gone: the next to change is this one.
      exports.batchCount.value = 3n ** BigInt(trit) - 1n;
      expect(exports.run(1)).toBe(0);
      expect(exports.run(80)).toBe(1);

      const expected = Array.from({ length: 81 }, (_, step) =>
        noncesOf(counterAt(step).with(trit, 0), 1, lanes),
      ).flat();
      const hit = zerosOf(digest, expected).findIndex((zeros) => zeros >= 7);
      expect(work.getBigUint64(32, true)).toBe(expected[hit]);
    },
  );

  it('can win on every lane', () => {
    const winners = new Set<number>();
    for (let round = 0; round < 16 * lanes; round++) {
      const digest = digestOf(`lane ${round}`);
      const nonces = noncesOf(counterAt(0), 7, lanes);
      const zeros = zerosOf(digest, nonces);
      const most = Math.max(...zeros);
      const lane = zeros.indexOf(most);
      if (zeros.lastIndexOf(most) !== lane) continue;
      miner.start(digest, 7, most);
      expect(miner.run(1)).toBe(nonces[lane]);
      winners.add(lane);
    }
    expect(winners.size).toBe(lanes);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])(
    'reaches %i zeros, as the public client counts them',
    (zeros) => {
      const message = Buffer.alloc(100, `zeros ${zeros}`);
      const digest = powDigestOf(message);
      miner.start(digest, 0xffff, zeros);
      const nonce = miner.run(manyBatches)!;
      message.writeBigUInt64LE(nonce, 92);
      expect(PowHelper.score(message)).toBeGreaterThanOrEqual(3 ** zeros / message.length);
      expect(trailingZeros(digest, nonce)).toBeGreaterThanOrEqual(zeros);
    },
  );

  it('writes the id of the worker into the nonce, so that no two try the same', () => {
    const digest = digestOf('workers');
    const nonces = [0, 1, 256, 0xffff].map((workerId) => {
      miner.start(digest, workerId, 7);
      return miner.run(manyBatches)!;
    });
    expect(nonces.map((nonce) => Number(nonce >> 48n))).toEqual([0, 1, 256, 0xffff]);
  });

  it('comes to the same nonce in slices as in one run, and then again', () => {
    const digest = digestOf('slices');
    miner.start(digest, 1, 10);
    const inOne = miner.run(manyBatches);
    miner.start(digest, 1, 10);
    let slices = 0;
    let nonce;
    for (; nonce === undefined; slices++) nonce = miner.run(1);
    expect(slices).toBeGreaterThan(1);
    expect(nonce).toBe(inOne);
    expect(miner.run(1)).toBe(inOne);
  });
});

describe('the kernel', () => {
  it('is supported here', () => {
    expect(simdSupported()).toBe(true);
  });

  it('is compiled once', () => {
    expect(loadKernel()).toBe(loadKernel());
  });

  it('finds right nonces whichever variant is the fastest', () => {
    const digest = digestOf('fastest');
    const miner = new SimdMiner(loadFastestKernel());
    miner.start(digest, 1, 10);
    expect(trailingZeros(digest, miner.run(manyBatches)!)).toBeGreaterThanOrEqual(10);
  });
});
