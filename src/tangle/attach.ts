// Local messages: fills in what a client left open, has the work done, and goes through the one door.
// Everything but the nonce is checked before any work is done for it.
import assert from 'node:assert/strict';
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { hexOf } from '../protocol/bytes.ts';
import { encodeMessage } from '../protocol/codec.ts';
import { powDigestOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Message, Payload } from '../protocol/message.ts';
import { requiredZeros, scoreOf } from '../protocol/score.ts';
import type { Store } from '../storage/store.ts';
import { refuseOtherNetwork } from './check.ts';
import type { VerifyWork } from './check.ts';
import type { Intake } from './intake.ts';
import { parentsRefused, refused } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** What a client sends. Absent, zero or empty means: fill it in for me. */
export interface Draft {
  readonly networkId?: bigint | undefined;
  readonly parents?: readonly MessageId[] | undefined;
  readonly payload?: Payload | undefined;
  readonly nonce?: bigint | undefined;
}

/** Who asks, until when, and who wants to hear of it. */
export interface AttachCall {
  /** Tells clients apart when the work is shared out: an address, a /64, a token. */
  readonly client: string;
  /** Aborted when nobody waits for the answer any more; mining ends with it. */
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: MineProgress) => void) | undefined;
}

export type Attach = (draft: Draft, call: AttachCall) => Promise<Outcome>;

export interface MineProgress {
  readonly state: 'queued' | 'mining';
  /** In the queue: 1 is next; 0 while mining. */
  readonly position: number;
  /** Tried so far, and needed on average. */
  readonly hashes: number;
  readonly expectedHashes: number;
  readonly hashesPerSecond: number;
  /** From now on, on average. */
  readonly expectedMs: number;
}

/** Finds a nonce with this many trailing zeros; throws the coded errors of proof of work. */
export type Mine = (
  job: AttachCall & {
    readonly digest: Uint8Array;
    readonly zeros: number;
    readonly sizeBytes: number;
    /** Asked now and then for a newer digest of a message of the same length. */
    readonly refresh?: (() => Uint8Array) | undefined;
  },
) => Promise<{ readonly nonce: bigint; readonly digest: Uint8Array }>;

export interface AttachOptions {
  readonly networkId: bigint;
  readonly minPowScore: number;
}

export interface AttachDeps {
  /** At most `count` tips; as many as the pool gives by default. */
  readonly selectTips: (count?: number) => readonly MessageId[];
  readonly store: Pick<Store, 'facts' | 'hold'>;
  readonly intake: Pick<Intake, 'submit' | 'isPending'>;
  readonly verifyWork: VerifyWork;
  /** Absent when proof of work for clients is switched off. */
  readonly mine?: Mine | undefined;
  /** True while the first catch-up runs: parents chosen now would be those of long ago. */
  readonly isCatchingUp?: (() => boolean) | undefined;
  /** Why the store cannot take a message now: then no work is done for one. */
  readonly storeFailure?: (() => ErrorCode | undefined) | undefined;
}

export function makeAttach(options: AttachOptions, deps: AttachDeps): Attach {
  return async (draft, call) => {
    try {
      if (deps.isCatchingUp?.() === true) throw new TangleError('CATCHING_UP');
      const message = fillIn(draft, options, deps);
      const bytes = encodeMessage(message);
      if (message.nonce !== 0n) return await deps.intake.submit(bytes, 'client');
      const hasOwnParents = draft.parents !== undefined && draft.parents.length > 0;
      using work = new Work(message, bytes, {
        hold: (parents) => deps.store.hold(parents),
        selectTips: hasOwnParents ? undefined : deps.selectTips,
      });
      if (isWorkDone(work, options, deps)) return await deps.intake.submit(bytes, 'client');
      const refusal = await refuseParents(message.parents, deps);
      if (refusal !== undefined) return refusal;
      return await deps.intake.submit(await mine(work, call, { options, deps }), 'mined');
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
function isWorkDone(work: Work, options: AttachOptions, deps: AttachDeps): boolean {
  const [zeros] = Array.from(deps.verifyWork([{ digest: work.digest, nonce: 0n }]));
  return scoreOf(zeros ?? 0, work.sizeBytes) >= options.minPowScore;
}

async function refuseParents(
  parents: readonly MessageId[],
  deps: AttachDeps,
): Promise<Outcome | undefined> {
  const facts = await deps.store.facts(parents);
  const unknown = parents.filter((_, position) => facts[position] === undefined);
  const notSolid = parents.filter((_, position) => facts[position]?.isClosed !== false);
  if (notSolid.length === 0) return undefined;
  return parentsRefused(
    unknown.filter((id) => !deps.intake.isPending(id)),
    notSolid,
  );
}

async function mine(
  work: Work,
  call: AttachCall,
  { options, deps }: { options: AttachOptions; deps: AttachDeps },
): Promise<Uint8Array> {
  if (deps.mine === undefined) throw powDisabled();
  const failure = deps.storeFailure?.();
  if (failure !== undefined) throw new TangleError(failure);
  const { nonce, digest } = await deps.mine({
    ...call,
    digest: work.digest,
    zeros: requiredZeros(work.sizeBytes, options.minPowScore),
    sizeBytes: work.sizeBytes,
    refresh: work.refresh,
  });
  return work.finish(digest, nonce);
}

interface WorkDeps {
  readonly hold: Store['hold'];
  /** Absent when the client chose the parents. */
  readonly selectTips: AttachDeps['selectTips'] | undefined;
}

/**
 * A message that is being worked on. Until it is disposed of the cut leaves all parents solid that it had.
 * Those that this node chose grow old meanwhile; newer ones cost nothing, because every nonce is as likely
 * as any other, whatever was tried before. Their count stays: with it the length would change, and with
 * the length the work.
 */
class Work implements Disposable {
  readonly digest: Uint8Array;
  readonly sizeBytes: number;
  /** Absent when the client chose the parents. */
  readonly refresh: (() => Uint8Array) | undefined;
  readonly #message: Message;
  readonly #parentsByDigest = new Map<string, readonly MessageId[]>();
  readonly #hold: Store['hold'];
  readonly #held = new DisposableStack();

  constructor(message: Message, bytes: Uint8Array, { hold, selectTips }: WorkDeps) {
    this.#message = message;
    this.#hold = hold;
    this.#held.use(hold(message.parents));
    this.sizeBytes = bytes.length;
    this.digest = powDigestOf(bytes);
    this.#parentsByDigest.set(hexOf(this.digest), message.parents);
    if (selectTips !== undefined) this.refresh = () => this.#refresh(selectTips);
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }

  /** The bytes whose work has this digest, with the nonce in place. */
  finish(digest: Uint8Array, nonce: bigint): Uint8Array {
    const parents = this.#parentsByDigest.get(hexOf(digest));
    assert(parents !== undefined, 'a nonce belongs to a digest that was asked for');
    return encodeMessage({ ...this.#message, parents, nonce });
  }

  #refresh(selectTips: AttachDeps['selectTips']): Uint8Array {
    const { length } = this.#message.parents;
    const newer = selectTips(length);
    const parents = newer.length === length ? newer : this.#message.parents;
    this.#held.use(this.#hold(parents));
    const digest = powDigestOf(encodeMessage({ ...this.#message, parents }));
    this.#parentsByDigest.set(hexOf(digest), parents);
    return digest;
  }
}
