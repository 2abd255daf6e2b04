// Looks at LevelDB's write-ahead files before LevelDB does. It replays them past any hole without an error,
// and turns them into a table in which nobody can see the hole any more.
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../files.ts';
import { maskedCrc32c } from './crc32c.ts';

export interface HoleReport {
  readonly areSuspected: boolean;
  /** For a start that could not get the lock: it has read the files of another process, and notes nothing. */
  readonly withdraw: () => Promise<void>;
  /** For when everything was compared and put right. */
  readonly forget: () => Promise<void>;
}

/** Before the databases are opened. A suspicion is noted in the folder: a start that is killed must not lose it. */
export async function lookForHoles(dataDir: string): Promise<HoleReport> {
  const note = join(dataDir, 'unchecked');
  const forget = (): Promise<void> => rm(note, { force: true });
  if (existsSync(note)) return { areSuspected: true, withdraw: doNothing, forget };
  const areSuspected =
    (await hasHoles(join(dataDir, 'log'))) || (await hasHoles(join(dataDir, 'index')));
  if (!areSuspected) return { areSuspected, withdraw: doNothing, forget };
  await writeFile(note, 'log, index\n', { flush: true });
  return { areSuspected, withdraw: forget, forget };
}

const doNothing = (): Promise<void> => Promise.resolve();

async function hasHoles(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  const oldestFirst = names
    .filter(isWriteAheadName)
    .toSorted((a, b) => parseInt(a, 10) - parseInt(b, 10));
  const files = await Promise.all(oldestFirst.map((name) => readIfThere(join(folder, name))));
  // Where another process has the store, a file may go while one looks: what is wrong then is told by the lock.
  return !isUnbroken(files.map((file) => file ?? Buffer.of()));
}

export function isWriteAheadName(name: string): boolean {
  return /^\d+\.log$/.test(name);
}

/**
 * Whether LevelDB will replay every batch of these files, up to one at the end that is cut off. Takes them
 * oldest first; about 3 ms for each MiB.
 */
export function isUnbroken(files: readonly Buffer[]): boolean {
  let expected: bigint | undefined;
  for (const [position, file] of files.entries()) {
    for (const batch of batchesOf(file)) {
      if (batch === broken) return false;
      // LevelDB begins a second file only when the first one is full.
      const isNext = expected === undefined ? position === 0 : batch.firstSequence === expected;
      if (!isNext) return false;
      expected = batch.firstSequence + batch.count;
    }
  }
  return true;
}

/** LevelDB numbers all operations without a gap. */
interface Batch {
  readonly firstSequence: bigint;
  readonly count: bigint;
}

export const broken = 'broken';
/** First sequence u64, count u32; little-endian. */
const batchHeadBytes = 12;

/** Puts the fragments of each batch together again, as far as its head goes. */
function* batchesOf(file: Buffer): Generator<Batch | typeof broken, void, undefined> {
  let head: Buffer | undefined;
  for (const fragment of fragmentsOf(file)) {
    if (fragment === broken || fragment.isFirst !== (head === undefined)) {
      yield broken;
      return;
    }
    head = Buffer.concat([head ?? Buffer.of(), fragment.payload.subarray(0, batchHeadBytes)]);
    if (!fragment.isLast) continue;
    yield head.length < batchHeadBytes ? broken : decodeHead(head);
    head = undefined;
  }
}

function decodeHead(head: Buffer): Batch {
  return { firstSequence: head.readBigUInt64LE(0), count: BigInt(head.readUInt32LE(8)) };
}

interface Fragment {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly payload: Buffer;
}

/** LevelDB's doc/log_format: blocks of fragments, none of which crosses a block. */
export const blockBytes = 32 * 1024;
/** crc32c u32, payload length u16, type u8; little-endian. */
export const fragmentHeadBytes = 7;
export const fragmentTypes = { full: 1, first: 2, middle: 3, last: 4 } as const;

/** Ends where the end of the file cuts off a fragment. */
export function* fragmentsOf(file: Buffer): Generator<Fragment | typeof broken, void, undefined> {
  let at = 0;
  for (;;) {
    const leftInBlock = blockBytes - (at % blockBytes);
    if (leftInBlock < fragmentHeadBytes) at += leftInBlock;
    if (at + fragmentHeadBytes > file.length) return;
    const endsAt = at + fragmentHeadBytes + file.readUInt16LE(at + 4);
    const isWithinBlock = Math.floor(at / blockBytes) === Math.floor((endsAt - 1) / blockBytes);
    if (isWithinBlock && endsAt > file.length) return;
    if (!isWithinBlock || file.readUInt32LE(at) !== maskedCrc32c(file.subarray(at + 6, endsAt))) {
      yield broken;
      return;
    }
    const type = file.readUInt8(at + 6);
    yield {
      isFirst: type === fragmentTypes.full || type === fragmentTypes.first,
      isLast: type === fragmentTypes.full || type === fragmentTypes.last,
      payload: file.subarray(at + fragmentHeadBytes, endsAt),
    };
    at = endsAt;
  }
}
