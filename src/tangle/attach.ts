// Local messages: fills in what a client left open, has the work done, and goes through the one door.
// Everything but the nonce is checked before any work is done for it.
import { TangleError } from '../errors.ts';
import { decodeMessage, encodeMessage } from '../protocol/codec.ts';
import { nonceOf, powDigestOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Message, Payload } from '../protocol/message.ts';
import { requiredZeros, scoreOf } from '../protocol/score.ts';
import type { Store } from '../storage/store.ts';
import { refuseOtherNetwork } from './check.ts';
import type { VerifyWork } from './check.ts';
import type { Intake } from './intake.ts';
import { parentsRefused } from './intake.ts';
import { refused } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** What a client sends. Absent, zero or empty means: fill it in for me. */
export interface Draft {
  readonly networkId?: bigint | undefined;
  readonly parents?: readonly MessageId[] | undefined;
  readonly payload?: Payload | undefined;
  readonly nonce?: bigint | undefined;
}

export type Attach = (draft: Draft, signal: AbortSignal) => Promise<Outcome>;

/** Finds a nonce with this many trailing zeros; throws POW_ABORTED, POW_BUSY or POW_FAILED. */
export type Mine = (job: {
  readonly digest: Uint8Array;
  readonly zeros: number;
  readonly signal: AbortSignal;
}) => Promise<bigint>;

export interface AttachOptions {
  readonly networkId: bigint;
  readonly minPowScore: number;
}

export interface AttachDeps {
  readonly selectTips: () => readonly MessageId[];
  readonly readFacts: Store['facts'];
  readonly intake: Pick<Intake, 'submit' | 'isPending'>;
  readonly verifyWork: VerifyWork;
  /** Absent when proof of work for clients is switched off. */
  readonly mine?: Mine | undefined;
}

export function makeAttach(options: AttachOptions, deps: AttachDeps): Attach {
  return async (draft, signal) => {
    try {
      const bytes = encodeMessage(fillIn(draft, options, deps));
      const { parents, nonce } = decodeMessage(bytes);
      if (nonce !== 0n || isWorkDone(bytes, options, deps)) {
        return await deps.intake.submit(bytes, 'client');
      }
      const refusal = await refuseParents(parents, deps);
      if (refusal !== undefined) return refusal;
      return await mineAndSubmit(bytes, signal, { options, deps });
    } catch (error) {
      if (error instanceof TangleError) return refused(error);
      throw error;
    }
  };
}

function fillIn(draft: Draft, options: AttachOptions, deps: AttachDeps): Message {
  const { payload, nonce = 0n } = draft;
  const networkId = draft.networkId === 0n ? undefined : draft.networkId;
  const parents = draft.parents?.length === 0 ? undefined : draft.parents;
  if (nonce !== 0n) refuseLooseNonce(networkId, parents);
  refuseOtherNetwork(networkId ?? options.networkId, options.networkId);
  if (parents === undefined && deps.mine === undefined) throw powDisabled();
  return {
    networkId: options.networkId,
    parents: parents ?? deps.selectTips(),
    payload,
    nonce,
  };
}

/** A nonce means nothing without what it was computed over. */
function refuseLooseNonce(
  networkId: bigint | undefined,
  parents: readonly MessageId[] | undefined,
): void {
  if (networkId === undefined) {
    throw new TangleError(
      'NETWORK_ID_MISSING',
      'A nonce was sent without a networkId, which it is computed over; send both or neither.',
    );
  }
  if (parents === undefined) {
    throw new TangleError(
      'PARENTS_MISSING',
      'A nonce was sent without parents, which it is computed over; send both or neither.',
    );
  }
}

function powDisabled(): TangleError {
  return new TangleError(
    'POW_DISABLED',
    'This node does no proof of work; send the message with parents and a nonce.',
  );
}

/** A nonce of 0 may happen to be enough; then no work is needed. */
function isWorkDone(bytes: Uint8Array, options: AttachOptions, deps: AttachDeps): boolean {
  const [zeros] = Array.from(
    deps.verifyWork([{ digest: powDigestOf(bytes), nonce: nonceOf(bytes) }]),
  );
  return scoreOf(zeros ?? 0, bytes.length) >= options.minPowScore;
}

async function refuseParents(
  parents: readonly MessageId[],
  deps: AttachDeps,
): Promise<Outcome | undefined> {
  const facts = await deps.readFacts(parents);
  const notSolid = parents.filter((_, position) => facts[position] === undefined);
  if (notSolid.length === 0) return undefined;
  return parentsRefused(
    notSolid.filter((id) => !deps.intake.isPending(id)),
    notSolid,
  );
}

async function mineAndSubmit(
  bytes: Uint8Array,
  signal: AbortSignal,
  { options, deps }: { options: AttachOptions; deps: AttachDeps },
): Promise<Outcome> {
  if (deps.mine === undefined) throw powDisabled();
  const nonce = await deps.mine({
    digest: powDigestOf(bytes),
    zeros: requiredZeros(bytes.length, options.minPowScore),
    signal,
  });
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(bytes.length - 8, nonce, true);
  return deps.intake.submit(bytes, 'mined');
}
