// The proof of work score (TIP-12): 3^(trailing zero trits) per byte of the message.
import { maxMessageBytes } from './message.ts';

export function scoreOf(trailingZeros: number, sizeBytes: number): number {
  return 3 ** trailingZeros / sizeBytes;
}

/** The fewest trailing zeros that give a message of this size the score. Costs about 3^zeros hashes to find. */
export function requiredZeros(sizeBytes: number, minScore: number): number {
  // Counted, not by logarithm: rounding must never disagree with scoreOf.
  let zeros = 0;
  while (scoreOf(zeros, sizeBytes) < minScore) zeros++;
  return zeros;
}

/** The most bytes a message can have and still reach the score; 0 when none does. */
export function largestSizeFor(zeros: number, minScore: number): number {
  let sizeBytes = Math.min(maxMessageBytes, Math.ceil(3 ** zeros / minScore));
  while (sizeBytes > 0 && scoreOf(zeros, sizeBytes) < minScore) sizeBytes--;
  return sizeBytes;
}
