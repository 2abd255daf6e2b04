// Builders of messages for networks with a minimum score of 1. The work is real: nonces are searched.
import { encodeMessage } from '../../src/protocol/codec.ts';
import { genesisId, messageIdOf, networkIdOf, powDigestOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { compareBytes } from '../../src/protocol/bytes.ts';
import { requiredZeros } from '../../src/protocol/score.ts';
import { chooseMiner, makeMiner } from '../../src/pow/choose.ts';

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

const miner = makeMiner(chooseMiner({}));

/** Writes a nonce into the last eight bytes with which the score is reached; the same one every time. */
export function mineInPlace(bytes: Uint8Array, minScore: number): void {
  if (minScore <= 0) return;
  miner.start(powDigestOf(bytes), 0, requiredZeros(bytes.length, minScore));
  let nonce: bigint | undefined;
  while (nonce === undefined) nonce = miner.run(8);
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(bytes.length - 8, nonce, true);
}
