// A backup of a store that is in use: its log, read page by page by one reader that holds nothing in between.
// Files that LevelDB writes to are never copied.
import { TangleError } from '../errors.ts';
import type { MessageId } from '../protocol/ids.ts';
import { hasProvenBytes } from '../storage/record-layout.ts';
import type { EntryPointRecord, Store, StoredMessage } from '../storage/store.ts';
import { RunningHash, chunkTypes, encodeChunk, fileHead } from './container.ts';
import type { ChunkType } from './container.ts';
import { encodeEntryPoints } from './entry-points.ts';
import { encodeKept, encodePinned } from './pins.ts';
import type { BackupEnd, BackupHead } from './read.ts';
import { encodeRecords } from './records.ts';

/** What is read, packed and held at a time. */
const page = { limit: 4_096, maxBytes: 1024 * 1024 };
const pointsPerChunk = 4_096;
/** How often the cut may move while its entry points are read. */
const maxBoundaryTries = 100;

export interface BackupSource {
  readonly store: Pick<
    Store,
    | 'logId'
    | 'lastSeq'
    | 'cutSeq'
    | 'messageCount'
    | 'readLog'
    | 'readEntryPoints'
    | 'listPins'
    | 'readKept'
    | 'keptEpoch'
  >;
  readonly network: { readonly name: string; readonly id: bigint };
  readonly nowMs: number;
}

/** A log above a cut, with the entry points that go with that cut. */
interface Boundary {
  readonly cutSeq: number;
  readonly lastSeq: number;
  readonly messageCount: number;
  readonly keptEpoch: number;
  readonly entryPoints: readonly EntryPointRecord[];
}

/**
 * The bytes of the file. Takes no more from the store than is taken from it. What is appended after the
 * beginning is not in it. Pruning goes on: it begins with the oldest as this does, and only when it is
 * the faster one does the file end with the reason, and no reader takes it.
 */
export async function* writeBackup(source: BackupSource): AsyncGenerator<Buffer, void, undefined> {
  const hash = new RunningHash();
  const hashed = <T extends Buffer>(bytes: T): T => {
    hash.add(bytes);
    return bytes;
  };
  const boundary = await readBoundary(source.store);
  yield hashed(fileHead());
  yield hashed(await jsonChunk(chunkTypes.head, headOf(source, boundary)));
  const { entryPoints } = boundary;
  for (let from = 0; from < entryPoints.length; from += pointsPerChunk) {
    const points = encodeEntryPoints(entryPoints.slice(from, from + pointsPerChunk));
    yield hashed(await encodeChunk(chunkTypes.entryPoints, points));
  }
  const counts = { kept: 0 };
  try {
    for await (const chunk of pinChunks(source.store, boundary, counts)) yield hashed(chunk);
    // It may have left the place where it was kept before that was read, for one that is not in this file.
    if (source.store.keptEpoch !== boundary.keptEpoch) throw cameAgain();
    for await (const records of pagesOf(source.store, boundary)) {
      yield hashed(await encodeChunk(chunkTypes.records, encodeRecords(records)));
    }
  } catch (error) {
    const sentence = error instanceof TangleError ? error.message : 'The log could not be read.';
    yield jsonChunk(chunkTypes.failure, { sentence });
    return;
  }
  const { messageCount } = boundary;
  const keptCount = counts.kept > 0 ? { keptCount: counts.kept } : {};
  const end: BackupEnd = { messageCount, ...keptCount, sha256: hash.hex() };
  yield jsonChunk(chunkTypes.end, end);
}

function jsonChunk(type: ChunkType, value: unknown): Promise<Buffer> {
  return encodeChunk(type, Buffer.from(JSON.stringify(value)));
}

function headOf({ store, network, nowMs }: BackupSource, boundary: Boundary): BackupHead {
  const { cutSeq, lastSeq, messageCount, entryPoints } = boundary;
  return {
    kind: 'backup',
    networkName: network.name,
    networkId: network.id.toString(),
    logId: store.logId,
    cutSeq,
    lastSeq,
    messageCount,
    entryPointCount: entryPoints.length,
    createdMs: nowMs,
  };
}

/** Read again until the cut has not moved meanwhile. */
async function readBoundary(store: BackupSource['store']): Promise<Boundary> {
  for (let attempt = 0; attempt < maxBoundaryTries; attempt++) {
    const { cutSeq, lastSeq, messageCount, keptEpoch } = store;
    const entryPoints: EntryPointRecord[] = [];
    let afterId: MessageId | undefined;
    do {
      const points = await store.readEntryPoints({ afterId, limit: pointsPerChunk });
      entryPoints.push(...points);
      afterId = points.at(-1)?.id;
    } while (afterId !== undefined);
    if (store.cutSeq === cutSeq) return { cutSeq, lastSeq, messageCount, keptEpoch, entryPoints };
  }
  throw overtaken();
}

/**
 * None where nothing is pinned. Of pinned messages below the cut, one that is unpinned meanwhile is left out, unless
 * it was written before.
 */
async function* pinChunks(
  store: BackupSource['store'],
  { cutSeq }: Boundary,
  counts: { kept: number },
): AsyncGenerator<Buffer, void, undefined> {
  const { messages, indexKeys } = await store.listPins();
  if (messages.length + indexKeys.length === 0) return;
  const ids = messages.map(({ id }) => id);
  yield encodeChunk(chunkTypes.pins, encodePinned({ ids, indexKeys }));
  let fromSeq = 1;
  while (fromSeq <= cutSeq) {
    const records = await store.readKept({ ...page, fromSeq });
    const wanted = records.filter(({ seq }) => seq <= cutSeq);
    if (!wanted.every(hasProvenBytes)) throw damaged();
    if (wanted.length > 0) yield encodeChunk(chunkTypes.pins, encodeKept(wanted));
    counts.kept += wanted.length;
    const last = records.at(-1);
    if (last === undefined) return;
    fromSeq = last.seq + 1;
  }
}

async function* pagesOf(
  store: BackupSource['store'],
  { cutSeq, lastSeq, messageCount }: Boundary,
): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  let fromSeq = cutSeq + 1;
  let count = 0;
  while (fromSeq <= lastSeq) {
    const records = await store.readLog({ ...page, fromSeq });
    if (store.cutSeq >= fromSeq) throw overtaken();
    const wanted = records.filter(({ seq }) => seq <= lastSeq);
    if (!wanted.every(hasProvenBytes)) throw damaged();
    if (wanted.length > 0) yield wanted;
    count += wanted.length;
    const last = records.at(-1);
    if (last === undefined) break;
    fromSeq = last.seq + 1;
  }
  if (count !== messageCount) throw damaged();
}

function cameAgain(): TangleError {
  return new TangleError(
    'BACKUP_FAILED',
    'A pinned message that was pruned came again while the pinned ones were read: try again.',
  );
}

function overtaken(): TangleError {
  return new TangleError(
    'BACKUP_FAILED',
    'Pruning was faster than the backup was read: try again nearer to the node, or with less to do for it.',
  );
}

function damaged(): TangleError {
  return new TangleError(
    'BACKUP_FAILED',
    'A stored message is damaged or missing, and a backup without it could not be restored: stop the node ' +
      'and run "midge db repair".',
  );
}
