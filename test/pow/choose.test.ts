import { describe, expect, it } from 'vitest';
import { chooseMiner, chooseVerifier, firstGood, makeMiner } from '../../src/pow/choose.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import { simdSupported } from '../../src/pow/simd.ts';

const digest = new Uint8Array(32).fill(3);

function test(name: string): void {
  if (name === 'wrong') throw new Error('wrong nonces');
}

describe('the choice of a kernel', () => {
  it('takes vectors where there are any', () => {
    expect(chooseMiner({}).name).toBe(simdSupported() ? 'simd-128' : 'lanes-32');
  });

  it('takes the wide vectors only for those who ask, and something that works in any case', () => {
    const kernel = chooseMiner({ wideVectors: true });
    const miner = makeMiner(kernel);
    miner.start(digest, 1, 6);
    const nonce = miner.run(1_000_000);
    expect(trailingZeros(digest, nonce ?? 0n)).toBeGreaterThanOrEqual(6);
  });

  it('refuses nothing here', () => {
    const refused: string[] = [];
    const onRefused = (name: string): void => void refused.push(name);
    chooseMiner({ wideVectors: true, onRefused });
    chooseVerifier(onRefused);
    expect(refused).toEqual([]);
  });

  it('goes on to the next when one cannot be made or fails its test, and says so', () => {
    const refused: string[] = [];
    const candidates = ['absent', 'wrong', 'right', 'slower'].map((name) => ({
      name,
      make: () => {
        if (name === 'absent') throw new Error('no such file');
        return name;
      },
    }));
    const onRefused = (name: string, cause: unknown): void =>
      void refused.push(`${name}: ${String(cause)}`);
    expect(firstGood(candidates, test, onRefused)).toBe('right');
    expect(refused).toEqual(['absent: Error: no such file', 'wrong: Error: wrong nonces']);
    expect(() => firstGood(candidates.slice(0, 2), test, undefined)).toThrow(
      expect.objectContaining({ code: 'POW_FAILED' }),
    );
  });
});
