// What a message must be on its own, whoever sent it: its bytes, its network, its work.
import { TangleError } from '../errors.ts';
import { decodeMessage } from '../protocol/codec.ts';
import { messageIdOf, nonceOf, powDigestOf } from '../protocol/ids.ts';
import { scoreOf } from '../protocol/score.ts';
import { candidateOf } from './candidate.ts';
import type { Candidate } from './candidate.ts';

/** Trailing zero trits of each, in the order asked. The bytes of a message need no other check for it. */
export type VerifyWork = (
  work: readonly { readonly digest: Uint8Array; readonly nonce: bigint }[],
) => ArrayLike<number>;

/** Decodes and names a message; throws the code of the rule it breaks. */
export function examine(bytes: Uint8Array, networkId: bigint): Candidate {
  const message = decodeMessage(bytes);
  refuseOtherNetwork(message.networkId, networkId);
  return candidateOf(bytes, message, messageIdOf(bytes));
}

export function refuseOtherNetwork(given: bigint, own: bigint): void {
  if (given === own) return;
  throw new TangleError(
    'NETWORK_ID_MISMATCH',
    `The message is for network ${given}, this node serves ${own}.`,
  );
}

/** The fault of each candidate's proof of work, or undefined; all verified in one pass. */
export function checkWork(
  candidates: readonly Candidate[],
  verifyWork: VerifyWork,
  minPowScore: number,
): readonly (TangleError | undefined)[] {
  const zeros = verifyWork(
    candidates.map(({ bytes }) => ({ digest: powDigestOf(bytes), nonce: nonceOf(bytes) })),
  );
  return candidates.map(({ bytes }, position) => {
    const score = scoreOf(zeros[position] ?? 0, bytes.length);
    if (score >= minPowScore) return undefined;
    return new TangleError(
      'POW_INSUFFICIENT',
      `The proof of work scores ${score.toFixed(2)}, the network asks for at least ${minPowScore}.`,
    );
  });
}
