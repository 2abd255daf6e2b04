// From the settings and the disk to the limits that hold; what cannot be or contradicts itself is refused.
import { TangleError } from '../errors.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** LevelDB's write-ahead files, tables that are being written, and something to keep. */
export const minSizeBytes = 64 * MiB;
const maxDefaultSizeBytes = 64 * GiB;
const maxDefaultReserveBytes = GiB;
const maxDefaultPinnedBytes = 64 * MiB;
/** Each takes some 150 bytes of memory. */
const maxEntryPoints = 1_000_000;

export interface PruningSettings {
  readonly maxSizeBytes?: number | undefined;
  readonly maxAgeMs?: number | undefined;
  readonly maxMessages?: number | undefined;
  readonly reserveDiskBytes?: number | undefined;
  readonly maxPinnedBytes?: number | undefined;
  readonly maxParentAgeMs: number;
}

/** What is undefined or 0 sets no limit. */
export interface PruningLimits {
  readonly maxSizeBytes: number | undefined;
  readonly maxAgeMs: number | undefined;
  readonly maxMessages: number | undefined;
  readonly reserveDiskBytes: number;
  /** What pinned messages may take. */
  readonly maxPinnedBytes: number;
  /** Pruned messages that stored ones name; more, and the oldest messages go for it. */
  readonly maxEntryPoints: number;
  /** What is younger goes neither for its age nor for its number. */
  readonly minAgeMs: number;
}

export interface Disk {
  /** What the data folder takes now. */
  readonly folderBytes: number;
  /** Of that, the databases: the rest, such as the ballast, says nothing of what a message takes. */
  readonly storeBytes: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Throws CONFIG_INVALID with a sentence for each fault. */
export function limitsOf(settings: PruningSettings, disk: Disk): PruningLimits {
  const problems = problemsOf(settings, disk);
  if (problems.length > 0) {
    throw new TangleError('CONFIG_INVALID', problems.join('\n  '), { details: { problems } });
  }
  const { maxAgeMs, maxMessages, maxParentAgeMs } = settings;
  const { maxSizeBytes: wantedBytes = defaultSize(disk) } = settings;
  const maxSizeBytes = wantedBytes === 0 ? undefined : wantedBytes;
  return {
    maxSizeBytes,
    maxAgeMs,
    maxMessages,
    reserveDiskBytes: settings.reserveDiskBytes ?? defaultReserve(disk),
    maxPinnedBytes: settings.maxPinnedBytes ?? defaultPinned(maxSizeBytes),
    maxEntryPoints,
    minAgeMs: 2 * maxParentAgeMs,
  };
}

/** Room for other things stays, also while the data folder grows. */
function defaultSize({ folderBytes, freeBytes }: Disk): number {
  const half = Math.floor((folderBytes + freeBytes) / 2 / MiB) * MiB;
  return Math.max(minSizeBytes, Math.min(maxDefaultSizeBytes, half));
}

function defaultReserve({ totalBytes }: Disk): number {
  return Math.min(maxDefaultReserveBytes, Math.floor(totalBytes / 20));
}

function defaultPinned(maxSizeBytes: number = Infinity): number {
  return Math.min(maxDefaultPinnedBytes, Math.floor(maxSizeBytes / 10));
}

function problemsOf(settings: PruningSettings, disk: Disk): string[] {
  const { maxSizeBytes = 0, reserveDiskBytes = 0 } = settings;
  const { maxAgeMs, maxParentAgeMs, maxPinnedBytes = 0 } = settings;
  const problems: string[] = [];
  const refuse = (isWrong: boolean, sentence: string): void => {
    if (isWrong) problems.push(sentence);
  };
  const hasSize = maxSizeBytes > 0;
  refuse(
    hasSize && maxSizeBytes < minSizeBytes,
    `pruning.maxSizeBytes is ${maxSizeBytes}, but the store's own buffers need ${minSizeBytes} at the least; ` +
      'give it more, or 0 for no limit.',
  );
  refuse(
    maxSizeBytes > disk.totalBytes,
    `pruning.maxSizeBytes is ${maxSizeBytes}, but the disk with the data folder has ${disk.totalBytes} bytes ` +
      'in all; give it less, or leave it out for a size that fits.',
  );
  refuse(
    reserveDiskBytes >= disk.totalBytes,
    `pruning.reserveDiskBytes is ${reserveDiskBytes}, but the disk with the data folder has ` +
      `${disk.totalBytes} bytes in all; give it less.`,
  );
  refuse(
    hasSize &&
      reserveDiskBytes < disk.totalBytes &&
      maxSizeBytes + reserveDiskBytes > disk.totalBytes,
    `pruning.maxSizeBytes and pruning.reserveDiskBytes are more than the ${disk.totalBytes} bytes of the disk ` +
      'together; give less to one of them.',
  );
  refuse(
    hasSize && maxPinnedBytes > maxSizeBytes / 2,
    `pruning.maxPinnedBytes is ${maxPinnedBytes}, but pinned messages count towards pruning.maxSizeBytes and may ` +
      `take half of its ${maxSizeBytes} bytes at the most.`,
  );
  refuse(
    maxAgeMs !== undefined && maxAgeMs < 2 * maxParentAgeMs,
    `pruning.maxAgeMs is ${maxAgeMs ?? 0}, but messages may still be named as parents for twice ` +
      `tangle.maxParentAgeMs, which is ${2 * maxParentAgeMs}; raise the one or lower the other.`,
  );
  return problems;
}

/** For people, at the start. */
export function limitWords({ maxSizeBytes, maxAgeMs, maxMessages }: PruningLimits): string {
  const parts = [
    ...(maxSizeBytes === undefined ? [] : [`${bytesWords(maxSizeBytes)} on the disk`]),
    ...(maxMessages === undefined ? [] : [`${maxMessages} messages`]),
    ...(maxAgeMs === undefined ? [] : [`${hoursWords(maxAgeMs)} h of the past`]),
  ];
  return parts.length === 0 ? 'everything' : `at most ${parts.join(', ')}`;
}

function bytesWords(bytes: number): string {
  return bytes >= GiB ? `${round(bytes / GiB)} GiB` : `${round(bytes / MiB)} MiB`;
}

const hoursWords = (ms: number): number => round(ms / 3_600_000);
const round = (value: number): number => Math.round(value * 10) / 10;
