// How large the store is, how fast it grows, and when that meets a limit. Measured on the log itself.
import type { Store, StoredMessage } from '../storage/store.ts';
import type { Disk, PruningLimits } from './limits.ts';

const dayMs = 24 * 60 * 60 * 1_000;
/** Places of the log that are looked at for the size of a message, and how many there. */
const samples = { places: 16, messages: 64 };
/** With fewer messages what LevelDB takes for itself says nothing about one more. */
const minMessagesToMeasure = 10_000;
/** What log and index keep of a message beside its bytes, with two parents and a key (measured). */
const overheadBytes = 300;

type ForecastStore = Pick<
  Store,
  | 'messageCount'
  | 'entryPointCount'
  | 'cutSeq'
  | 'lastSeq'
  | 'readLog'
  | 'readLogBackwards'
  | 'seqOlderThan'
  | 'messagesAbove'
  | 'prunedBytesOnDisk'
  | 'pinTotals'
>;

export interface DatabaseStatus {
  readonly messageCount: number;
  readonly cutSeq: number;
  readonly lastSeq: number;
  /** Of the messages alone, from samples. */
  readonly messageBytes: number;
  readonly diskBytes: number;
  /** Pruned, and gone with the next compactions; of the index an estimate. */
  readonly reclaimableBytes: number;
  readonly freeBytes: number;
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly growth: Growth | undefined;
  readonly maxSizeBytes: number | undefined;
  readonly reserveDiskBytes: number;
  /** Pruned, and readable because they are pinned. */
  readonly keptMessages: number;
  readonly pinnedBytes: number;
  readonly maxPinnedBytes: number;
  /** Pruned, and named by stored messages: of each, some 150 bytes in memory. */
  readonly entryPoints: number;
  readonly maxEntryPoints: number;
}

export interface Growth {
  readonly messagesPerDay: number;
  readonly bytesPerDay: number;
  /** How much of the past was counted: a day, or all there is. */
  readonly measuredMs: number;
  /** Undefined without that limit. After it the oldest are pruned as fast as new ones come. */
  readonly daysToMaxSize: number | undefined;
  /** Until messages are refused, were nothing pruned. */
  readonly daysToFullDisk: number;
}

export interface ForecastSources {
  readonly store: ForecastStore;
  readonly disk: Disk;
  readonly limits: Pick<
    PruningLimits,
    'maxSizeBytes' | 'reserveDiskBytes' | 'maxPinnedBytes' | 'maxEntryPoints'
  >;
  readonly nowMs: number;
}

/** Some 30 reads. */
export async function databaseStatus(sources: ForecastSources): Promise<DatabaseStatus> {
  const { store, disk, limits, nowMs } = sources;
  const { messageCount, cutSeq, lastSeq } = store;
  const [oldest] = await store.readLog({ fromSeq: cutSeq + 1, limit: 1, maxBytes: 1 });
  const [newest] = await store.readLogBackwards({ beforeSeq: Infinity, limit: 1 });
  const pruned = await store.prunedBytesOnDisk();
  const { keptCount: keptMessages, usedBytes: pinnedBytes } = store.pinTotals;
  const averageBytes = await averageMessageBytes(store);
  const bytesPerMessage =
    messageCount < minMessagesToMeasure
      ? averageBytes + overheadBytes
      : Math.max(0, disk.storeBytes - pinnedBytes) / messageCount;
  return {
    messageCount,
    cutSeq,
    lastSeq,
    messageBytes: Math.round(averageBytes * messageCount),
    diskBytes: disk.folderBytes,
    reclaimableBytes: pruned.log + pruned.index,
    freeBytes: disk.freeBytes,
    oldestMs: oldest?.arrivalMs,
    newestMs: newest?.arrivalMs,
    growth: oldest && (await growthOf(sources, { oldest, bytesPerMessage, nowMs })),
    maxSizeBytes: limits.maxSizeBytes,
    reserveDiskBytes: limits.reserveDiskBytes,
    keptMessages,
    pinnedBytes,
    maxPinnedBytes: limits.maxPinnedBytes,
    entryPoints: store.entryPointCount,
    maxEntryPoints: limits.maxEntryPoints,
  };
}

async function averageMessageBytes(store: ForecastStore): Promise<number> {
  const { cutSeq, lastSeq } = store;
  let [count, sizeBytes] = [0, 0];
  for (let place = 0; place < samples.places; place++) {
    const fromSeq = cutSeq + 1 + Math.floor(((lastSeq - cutSeq) * place) / samples.places);
    const page = { fromSeq, limit: samples.messages, maxBytes: Infinity };
    for (const { bytes } of await store.readLog(page)) {
      count += 1;
      sizeBytes += bytes.length;
    }
  }
  return count === 0 ? 0 : sizeBytes / count;
}

interface Measured {
  readonly oldest: StoredMessage;
  readonly bytesPerMessage: number;
  readonly nowMs: number;
}

async function growthOf(
  { store, disk, limits }: ForecastSources,
  { oldest, bytesPerMessage, nowMs }: Measured,
): Promise<Growth> {
  const sinceMs = Math.max(nowMs - dayMs, oldest.arrivalMs);
  // A clock that was set back leaves no time to measure.
  const measuredMs = Math.max(1_000, nowMs - sinceMs);
  const count = store.messagesAbove(await store.seqOlderThan(sinceMs));
  const messagesPerDay = (count * dayMs) / measuredMs;
  const bytesPerDay = messagesPerDay * bytesPerMessage;
  const daysFor = (roomBytes: number): number =>
    bytesPerDay === 0 ? Infinity : Math.max(0, roomBytes) / bytesPerDay;
  const { maxSizeBytes, reserveDiskBytes } = limits;
  return {
    messagesPerDay,
    bytesPerDay,
    measuredMs,
    daysToMaxSize:
      maxSizeBytes === undefined ? undefined : daysFor(maxSizeBytes - disk.folderBytes),
    daysToFullDisk: daysFor(disk.freeBytes - reserveDiskBytes),
  };
}
