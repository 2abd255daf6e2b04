// Trusts no kernel that has not shown on this machine, before it is used, that it is right.
import { trailingZeros } from './curl.ts';
import type { MiningKernel, VerifyKernel, Work } from './kernels.ts';

interface KnownWork extends Work {
  readonly zeros: number;
}

/** The example of TIP-12, then messages whose zeros several implementations agree on. */
const knownWork = [
  known('511bc81dde11180838c562c82bb35f3223f46061ebde4a955c27b3f489cf1e03', 0xaaaaaaaaaaaae65en, 9),
  known('58bb0caccd46a7e8670bf43b59fb4b9948c4989965f62b2cf8f2e728cc344ba3', 0x1504eca98af6f7n, 0),
  known('21a09a92334122498cc71c9dd0b1a499df59cb32715207f7c0cd68917983cd5d', 0xdeca7dc81c9d9c11n, 1),
  known('ab81cd727c3ddbfb5c8c01665bebbc12a94ca01993e91581719d92d9e1375610', 0x1512d367ccf8a5den, 2),
  known('59886e023bdf8be0e8ebde6ce04175014634a091e72cacb7d3677b2c8fe5db60', 0x15n, 3),
  known('dc09573dba1538e121be9d10c4afa2dffbc14d91e28d2c944eae149c3b0860a8', 0x233n, 5),
  known('135f079b4f96495553aef61c6e0be70472ce9fae03c1ea2f112fba86821b8a49', 0x5c4n, 6),
  known('9aaedbc15f38ba309fbc65494587bd21a6a00d7c1460a5aa765ea291068f367f', 0x19bn, 7),
] as const;

function known(digestHex: string, nonce: bigint, zeros: number): KnownWork {
  return { digest: Buffer.from(digestHex, 'hex'), nonce, zeros };
}

/** So often that the known work meets all lanes of any kernel, and the last pass is not full. */
const repeats = 37;

/** Each piece of known work alone, then all together; throws when the zeros are not right. */
export function testVerifier(verifier: VerifyKernel): void {
  const alone = knownWork.map((one) => [one]);
  const together = Array.from({ length: repeats }, () => knownWork).flat();
  for (const work of [...alone, together]) {
    const zeros = verifier.verify(work);
    const isRight = work.every((one, index) => zeros[index] === one.zeros);
    if (!isRight) throw new Error('the kernel counts zeros wrongly');
  }
}

const minedZeros = 9;
/** A hundred times what it takes on average. */
const minedHashes = 100 * 3 ** minedZeros;

/**
 * Mines once, long enough for V8 to optimize the kernel on the way, and has the nonce checked by
 * the scalar reference; throws when there is none or it is wrong.
 */
export function testMiner(miner: MiningKernel, hashesPerBatch: number): void {
  const [{ digest }] = knownWork;
  miner.start(digest, 0, minedZeros);
  const nonce = miner.run(Math.ceil(minedHashes / hashesPerBatch));
  if (nonce === undefined) throw new Error('the kernel finds no nonce');
  if (trailingZeros(digest, nonce) < minedZeros) throw new Error('the kernel finds wrong nonces');
}
