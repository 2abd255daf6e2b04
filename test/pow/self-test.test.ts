import { describe, expect, it } from 'vitest';
import type { MiningKernel, VerifyKernel } from '../../src/pow/kernels.ts';
import { LaneMiner, LaneVerifier } from '../../src/pow/lanes.ts';
import { testMiner, testVerifier } from '../../src/pow/self-test.ts';

const finding = (nonce: bigint | undefined): MiningKernel => ({
  start: () => undefined,
  run: () => nonce,
});

/** Right but for what `spoil` does to the zeros. */
const spoilt = (spoil: (zeros: Uint8Array) => void): VerifyKernel => ({
  verify: (work) => {
    const zeros = new LaneVerifier().verify(work);
    spoil(zeros);
    return zeros;
  },
});

describe('the self-test', () => {
  it('passes kernels that are right', () => {
    expect(() => testMiner(new LaneMiner(), 32)).not.toThrow();
    expect(() => testVerifier(new LaneVerifier())).not.toThrow();
  });

  it('fails a miner that finds nothing or something wrong', () => {
    expect(() => testMiner(finding(undefined), 128)).toThrow('finds no nonce');
    expect(() => testMiner(finding(1n), 128)).toThrow('finds wrong nonces');
  });

  it('fails a verifier that is wrong about a single message or in a single lane', () => {
    const alone = spoilt((zeros) => zeros.length === 1 && zeros.fill((zeros[0] ?? 0) + 1));
    expect(() => testVerifier(alone)).toThrow('counts zeros wrongly');
    for (const lane of [0, 64, 127, 255]) {
      const together = spoilt((zeros) => zeros.length > 1 && zeros.fill(81, lane, lane + 1));
      expect(() => testVerifier(together)).toThrow('counts zeros wrongly');
    }
  });
});
