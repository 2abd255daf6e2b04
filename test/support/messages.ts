// Builders of messages for networks with a minimum score of 1. The work is real: nonces are searched.
import { encodeMessage } from '../../src/protocol/codec.ts';
import { genesisId, messageIdOf, networkIdOf, powDigestOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { compareBytes } from '../../src/protocol/bytes.ts';
import { scoreOf } from '../../src/protocol/score.ts';
import { verifyWork } from '../../src/pow/verify.ts';

export const testNetwork = { name: 'midge-test', id: networkIdOf('midge-test') };

export interface TestMessage {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  readonly parents: readonly MessageId[];
}

export interface MessageWish {
  readonly parents?: readonly MessageId[];
  readonly index?: string;
  readonly data?: string | Uint8Array;
  readonly networkId?: bigint;
  /** 0 leaves the nonce at 0. */
  readonly minScore?: number;
}

/** A valid message with enough work for `minScore` (1 by default). */
export function aMessage(wish: MessageWish = {}): TestMessage {
  const parents = [...(wish.parents ?? [genesisId])].sort(compareBytes);
  const bytes = encodeMessage({
    networkId: wish.networkId ?? testNetwork.id,
    parents,
    payload: {
      type: 2,
      index: Buffer.from(wish.index ?? 'test'),
      data: Buffer.from(wish.data ?? ''),
    },
    nonce: 0n,
  });
  mineInPlace(bytes, wish.minScore ?? 1);
  return { id: messageIdOf(bytes), bytes, parents };
}

/** Tries nonces from 0 on, 32 in one pass, until the score is reached. */
export function mineInPlace(bytes: Uint8Array, minScore: number): void {
  const digest = powDigestOf(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (minScore <= 0) return;
  for (let base = 0n; ; base += 32n) {
    const work = Array.from({ length: 32 }, (_, lane) => ({ digest, nonce: base + BigInt(lane) }));
    const hit = Array.from(verifyWork(work)).findIndex((z) => scoreOf(z, bytes.length) >= minScore);
    if (hit >= 0) {
      view.setBigUint64(bytes.length - 8, base + BigInt(hit), true);
      return;
    }
  }
}
