// Why a message is not solid here: follows what it waits for down to what is missing, and says who was asked.
import { TangleError } from '../errors.ts';
import { decodeMessage } from '../protocol/codec.ts';
import { messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { PendingRecord, Store } from '../storage/store.ts';
import type { Asked, MissingReport } from './fetcher.ts';

/** Waiting messages that are looked at; below them the answer ends, and says so. */
const maxWaiting = 1_000;
/** Missing ids that are told. */
const maxMissing = 100;

/**
 * `not_asked`: nobody names it at the moment but messages that wait from long ago. `pruned`: only its id is left, which
 * takes no new children.
 */
export interface MissingMessage {
  readonly id: MessageId;
  readonly state: MissingReport['state'] | 'not_asked' | 'pruned';
  readonly asked: readonly Asked[];
  readonly againMs?: number | undefined;
}

export interface WhyReport {
  /** `unknown`: no bytes of it are here; then it is itself what is missing, if it was ever asked for. */
  readonly state: 'solid' | 'pending' | 'unknown';
  readonly missing: readonly MissingMessage[];
  /** Whether more is missing than is told. */
  readonly isCut: boolean;
}

export interface WhyDeps {
  readonly readFacts: Store['facts'];
  readonly getPending: Store['getPending'];
  readonly reportOf: (id: MessageId) => MissingReport | undefined;
}

/** Reads at most 1 000 waiting messages, one after the other. */
export async function explain(id: MessageId, deps: WhyDeps): Promise<WhyReport> {
  const [facts] = await deps.readFacts([id]);
  if (facts !== undefined) return { state: 'solid', missing: [], isCut: false };
  const pending = await deps.getPending(id);
  if (pending !== undefined) return { state: 'pending', ...(await whatIsMissing(pending, deps)) };
  const report = deps.reportOf(id);
  const missing = report === undefined ? [] : [{ id, ...report }];
  return { state: 'unknown', missing, isCut: false };
}

async function whatIsMissing(
  root: PendingRecord,
  deps: WhyDeps,
): Promise<Pick<WhyReport, 'missing' | 'isCut'>> {
  const seen = new Set([messageIdHex(root.id)]);
  const waiting = [root];
  const missing: MissingMessage[] = [];
  for (const record of waiting) {
    for (const { id, isClosed } of await notSolidParents(record, deps)) {
      const key = messageIdHex(id);
      if (seen.has(key)) continue;
      seen.add(key);
      if (waiting.length >= maxWaiting || missing.length >= maxMissing) {
        return { missing, isCut: true };
      }
      const parent = await deps.getPending(id);
      if (isClosed) missing.push({ id, state: 'pruned', asked: [] });
      else if (parent === undefined) missing.push(missingMessage(id, deps));
      else waiting.push(parent);
    }
  }
  return { missing, isCut: false };
}

interface NotSolid {
  readonly id: MessageId;
  readonly isClosed: boolean;
}

async function notSolidParents(record: PendingRecord, deps: WhyDeps): Promise<NotSolid[]> {
  const parents = parentsOf(record);
  const facts = await deps.readFacts(parents);
  return parents
    .map((id, position) => ({ id, isClosed: facts[position]?.isClosed }))
    .filter(({ isClosed }) => isClosed !== false)
    .map(({ id, isClosed = false }) => ({ id, isClosed }));
}

/** A record that is damaged is fetched again as soon as it is named; here it names nobody. */
function parentsOf({ bytes }: PendingRecord): readonly MessageId[] {
  try {
    return decodeMessage(bytes).parents;
  } catch (error) {
    if (error instanceof TangleError) return [];
    throw error;
  }
}

function missingMessage(id: MessageId, { reportOf }: WhyDeps): MissingMessage {
  return { id, ...(reportOf(id) ?? { state: 'not_asked', asked: [] }) };
}
