// Reads a backup and believes nothing: order, numbers, checksums, and that the end is there.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { TangleError } from '../errors.ts';
import type { EntryPointRecord, StoredMessage } from '../storage/store.ts';
import { RunningHash, chunkTypes, damagedAt, fileHead, readChunks } from './container.ts';
import type { Chunk } from './container.ts';
import { decodeEntryPoints } from './entry-points.ts';
import { decodePins } from './pins.ts';
import type { PinsPayload } from './pins.ts';
import { decodeRecords } from './records.ts';

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const headSchema = Type.Object({
  kind: Type.Enum(['backup', 'archive']),
  networkName: Type.String({ maxLength: 64 }),
  networkId: Type.String({ pattern: '^[0-9]{1,20}$' }),
  logId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  cutSeq: count,
  lastSeq: count,
  messageCount: count,
  entryPointCount: count,
  createdMs: count,
});
/** `lastSeq` and the counts are 0 in an archive, which is written before they are known. */
export type BackupHead = Readonly<Static<typeof headSchema>>;

const endSchema = Type.Object({
  messageCount: count,
  /** Of pinned messages that lie below the cut. */
  keptCount: Type.Optional(count),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});
export type BackupEnd = Readonly<Static<typeof endSchema>>;

const failureSchema = Type.Object({ sentence: Type.String({ maxLength: 500 }) });

interface Stored {
  /** As it stands in the file; the first one with what stands before it. */
  readonly stored: Buffer;
}

export type BackupPart = Stored &
  (
    | { readonly kind: 'head'; readonly head: BackupHead }
    | { readonly kind: 'entryPoints'; readonly entryPoints: readonly EntryPointRecord[] }
    | PinsPayload
    | { readonly kind: 'records'; readonly records: readonly StoredMessage[] }
    | { readonly kind: 'end'; readonly end: BackupEnd }
  );

/**
 * The parts in their order: the head, entry points, what is pinned and kept, messages with rising seqs, the end. Returns only for a
 * whole file. Throws BACKUP_INVALID, and BACKUP_FAILED for one whose writer gave up.
 */
export async function* readBackup(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<BackupPart, void, undefined> {
  const check = new OrderCheck();
  const hash = new RunningHash();
  hash.add(fileHead());
  for await (const chunk of readChunks(bytes)) {
    const part = partOf(chunk);
    check.next(part, chunk.offset, hash);
    hash.add(chunk.stored);
    yield part.kind === 'head'
      ? { ...part, stored: Buffer.concat([fileHead(), chunk.stored]) }
      : part;
  }
  check.end();
}

/** Throws BACKUP_INVALID for what is no part of a backup or an archive, BACKUP_FAILED for a failure. */
export function partOf({ type, payload, stored, offset }: Chunk): BackupPart {
  switch (type) {
    case chunkTypes.head:
      return { kind: 'head', head: parsed(payload, headSchema, offset), stored };
    case chunkTypes.entryPoints:
      return { kind: 'entryPoints', entryPoints: or(decodeEntryPoints(payload), offset), stored };
    case chunkTypes.pins:
      return { ...or(decodePins(payload), offset), stored };
    case chunkTypes.records:
      return { kind: 'records', records: or(decodeRecords(payload), offset), stored };
    case chunkTypes.end:
      return { kind: 'end', end: parsed(payload, endSchema, offset), stored };
    case chunkTypes.failure:
      throw new TangleError('BACKUP_FAILED', parsed(payload, failureSchema, offset).sentence);
    default:
      throw damagedAt(offset);
  }
}

function or<T>(value: T | undefined, offset: number): T {
  if (value === undefined) throw damagedAt(offset);
  return value;
}

function parsed<Schema extends typeof headSchema | typeof endSchema | typeof failureSchema>(
  payload: Buffer,
  schema: Schema,
  offset: number,
): Static<Schema> {
  try {
    return Value.Parse(schema, JSON.parse(payload.toString()));
  } catch {
    throw damagedAt(offset);
  }
}

const order = { head: 0, entryPoints: 1, pinned: 2, kept: 3, records: 4, end: 5 } as const;
const repeatable: readonly BackupPart['kind'][] = ['entryPoints', 'kept', 'records'];

class OrderCheck {
  #reached: number = -1;
  #lastSeq = 0;
  #messageCount = 0;
  #lastKeptSeq = 0;
  #keptCount = 0;
  #pointCount = 0;
  #head: BackupHead | undefined;

  /** `hash` is of all before this part. */
  next(part: BackupPart, offset: number, hash: RunningHash): void {
    const place = order[part.kind];
    const isInOrder = repeatable.includes(part.kind)
      ? place >= this.#reached
      : place > this.#reached;
    if (!isInOrder || (this.#head === undefined) !== (part.kind === 'head')) {
      throw invalid(`The file is mixed up at byte ${offset}.`);
    }
    this.#reached = place;
    if (part.kind === 'head') this.#begin(part.head);
    if (part.kind === 'entryPoints') this.#pointCount += part.entryPoints.length;
    if (part.kind === 'kept') this.#countKept(part.records, offset);
    if (part.kind === 'records') this.#count(part.records, offset);
    if (part.kind === 'end') this.#compare(part.end, hash);
  }

  #begin(head: BackupHead): void {
    if (head.kind !== 'backup')
      throw invalid('This is no backup but an archive of pruned messages.');
    this.#head = head;
    this.#lastSeq = head.cutSeq;
  }

  #countKept(records: readonly StoredMessage[], offset: number): void {
    for (const { seq } of records) {
      if (seq <= this.#lastKeptSeq || seq > (this.#head?.cutSeq ?? 0)) {
        throw invalid(
          `The file is mixed up at byte ${offset}: its pinned messages are not in order.`,
        );
      }
      this.#lastKeptSeq = seq;
    }
    this.#keptCount += records.length;
  }

  #count(records: readonly StoredMessage[], offset: number): void {
    for (const { seq } of records) {
      if (seq <= this.#lastSeq || seq > (this.#head?.lastSeq ?? 0)) {
        throw invalid(`The file is mixed up at byte ${offset}: its messages are not in order.`);
      }
      this.#lastSeq = seq;
    }
    this.#messageCount += records.length;
  }

  #compare({ messageCount, keptCount = 0, sha256 }: BackupEnd, hash: RunningHash): void {
    const isWhole =
      messageCount === this.#messageCount &&
      keptCount === this.#keptCount &&
      messageCount === this.#head?.messageCount &&
      this.#pointCount === this.#head.entryPointCount &&
      sha256 === hash.hex();
    if (!isWhole)
      throw invalid('The file is not as it was written: its parts do not make the whole.');
  }

  end(): void {
    if (this.#reached === order.end) return;
    throw invalid('The file is cut off: its end is missing.');
  }
}

function invalid(sentence: string): TangleError {
  return new TangleError('BACKUP_INVALID', sentence);
}
