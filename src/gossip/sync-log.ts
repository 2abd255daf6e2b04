// The side of a conversation of catch-up that has the log: answers page by page.
import type { Store, StoredMessage } from '../storage/store.ts';
import { answerBoundary, isWholeLog } from './sync-boundary.ts';
import type { SyncChannel } from './sync-channel.ts';
import { minAnswerBytes } from './limits.ts';
import { maxPageBytes, maxPageRecords, syncFault } from './sync-frames.ts';
import type { SyncFrame } from './sync-frames.ts';

/** Where to go on in a neighbour's log. */
export interface Cursor {
  readonly logId: string;
  readonly nextSeq: number;
}

export type ReadableLog = Pick<
  Store,
  'logId' | 'lastSeq' | 'cutSeq' | 'readLog' | 'readEntryPoints' | 'entryPointCount'
>;

export interface ServeDeps {
  readonly log: ReadableLog;
  readonly onAnswered: () => void;
  /** Resolves when the next question may be answered. */
  readonly spend: (sizeBytes: number) => Promise<void>;
}

/** Answers one question after the other until the follower ends it. Nothing is held between them. */
export async function serveLog(
  channel: SyncChannel,
  first: SyncFrame,
  deps: ServeDeps,
): Promise<void> {
  for (
    let question: SyncFrame | undefined = first;
    question !== undefined;
    question = await channel.receive()
  ) {
    if (question.type !== 'ask' && question.type !== 'ask-boundary') {
      throw syncFault('A follower only asks.');
    }
    const answer = await (question.type === 'ask'
      ? pageOf(question, deps.log)
      : answerBoundary(question, deps.log));
    await channel.send(answer);
    deps.onAnswered();
    await deps.spend(Math.max(sizeOf(answer), minAnswerBytes));
  }
  await channel.close();
}

async function pageOf(
  question: SyncFrame & { readonly type: 'ask' },
  log: ReadableLog,
): Promise<readonly SyncFrame[]> {
  const { logId, cutSeq } = log;
  const isForeign = question.logId !== logId;
  const fromSeq = isForeign ? 1 : question.fromSeq;
  // A log that stands on a boundary has no beginning, even where this node cut nothing itself.
  const isBelowCut = fromSeq <= cutSeq || (isForeign && !(await isWholeLog(log)));
  if (isBelowCut) return [{ type: 'below-cut', logId, cutSeq }];
  const page = { fromSeq, limit: maxPageRecords, maxBytes: maxPageBytes };
  const records = await log.readLog(page);
  const lastSeq = Math.max(log.lastSeq, records.at(-1)?.seq ?? 0);
  return [{ type: 'page', logId, lastSeq, count: records.length }, ...records.map(recordFrame)];
}

function sizeOf(answer: readonly SyncFrame[]): number {
  return answer.reduce((sum, frame) => sum + (frame.type === 'record' ? frame.bytes.length : 0), 0);
}

function recordFrame({ seq, bytes }: StoredMessage): SyncFrame {
  return { type: 'record', seq, bytes };
}
