// What the Tangle keeps in memory is a view of the store; here it is made again, at start and after the
// store was reopened.
import { TangleError } from '../errors.ts';
import { decodeMessage } from '../protocol/codec.ts';
import { idText, messageIdOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { PendingRecord, Store } from '../storage/store.ts';
import { candidateOf } from './candidate.ts';
import type { Candidate } from './candidate.ts';
import { ParentBook } from './parents.ts';
import type { Solidifier } from './solidifier.ts';
import { maxTips } from './tips.ts';

type TipSource = Pick<Store, 'readLogBackwards' | 'readEntryPoints'>;

/** Newest messages looked at for tips. Measured: 10 000 cost about 60 ms. */
const tipScanMessages = 10_000;
const pageSize = 500;

/**
 * The tips of the newest part of the log, oldest first: messages that are not lazy and that no message
 * that is not lazy names. Goes on past `tipScanMessages` until there is at least one, so that a flood of
 * lazy messages cannot leave the pool empty; entry points that wait for a child when it is (the genesis in
 * a new log, tips that such a flood has pushed below the cut). What stands up to `floorSeq` belongs to a past
 * that others have pruned, so that nothing of it may be named.
 */
export async function tipsFromLog(store: TipSource, floorSeq = 0): Promise<MessageId[]> {
  const named = new Set<string>();
  const tips: MessageId[] = [];
  let seen = 0;
  let beforeSeq = Number.MAX_SAFE_INTEGER;
  while (seen < tipScanMessages || tips.length === 0) {
    const read = await store.readLogBackwards({ beforeSeq, limit: pageSize });
    const page = read.filter(({ seq }) => seq > floorSeq);
    for (const record of page) {
      beforeSeq = record.seq;
      if (record.isLazy) continue;
      if (!named.has(idText(record.id))) tips.push(record.id);
      for (const parent of decodeMessage(record.bytes).parents) named.add(idText(parent));
    }
    if (page.length < pageSize) break;
    seen += page.length;
  }
  return tips.length === 0 ? tipsBelowCut(store, named) : tips.toReversed();
}

async function tipsBelowCut(store: TipSource, named: ReadonlySet<string>): Promise<MessageId[]> {
  const tips: MessageId[] = [];
  let afterId: MessageId | undefined;
  do {
    const page = await store.readEntryPoints({ afterId, limit: pageSize });
    for (const { id, isLazy, firstChildMs } of page) {
      if (!isLazy && firstChildMs === undefined && !named.has(idText(id))) tips.push(id);
    }
    afterId = page.at(-1)?.id;
  } while (afterId !== undefined && tips.length < maxTips);
  return tips;
}

/** A waiting message as it lies in the store; undefined when it is damaged there, which costs a refetch. */
export function pendingCandidate(record: PendingRecord): Candidate | undefined {
  try {
    const candidate = candidateOf(
      record.bytes,
      decodeMessage(record.bytes),
      messageIdOf(record.bytes),
    );
    return candidate.key === idText(record.id) ? candidate : undefined;
  } catch (error) {
    if (error instanceof TangleError) return undefined;
    throw error;
  }
}

/** Fills the solidifier from the store's pending messages and removes those that need not wait there. */
export async function restorePending(store: Store, solidifier: Solidifier): Promise<void> {
  solidifier.clear();
  let afterId: MessageId | undefined;
  for (;;) {
    const page = await store.readPending({ afterId, limit: pageSize });
    const candidates = page.flatMap((record) => pendingCandidate(record) ?? []);
    using book = new ParentBook(store);
    await book.load(candidates);
    const intact = new Set(candidates.map(({ key }) => key));
    const leaving = page.map(({ id }) => id).filter((id) => !intact.has(idText(id)));
    for (const candidate of candidates) {
      if (book.isSolid(candidate.key)) leaving.push(candidate.id);
      else {
        const missing = candidate.parentKeys.filter((key) => !book.takesChildren(key));
        leaving.push(...solidifier.hold(candidate, 'restored', missing));
      }
    }
    if (leaving.length > 0) await store.removePending(leaving);
    afterId = page.at(-1)?.id;
    if (page.length < pageSize) return;
  }
}
