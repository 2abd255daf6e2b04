// THE table of key spaces of both databases. What a key or a value looks like is known here and in the layouts beside it.
import { asMessageId } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { EntryPoint, PendingRecord } from './store.ts';

/** Rises when stored bytes of the log change their meaning: a newer folder is refused. */
export const layoutVersion = 1;
/** The same of the index: one of another layout is made again. */
export const indexLayoutVersion = 3;

interface Space {
  /** First byte of every key. */
  readonly prefix: number;
  readonly key: string;
  readonly value: string;
}

/**
 * Messages come before all that is written beside them: a write buffer then spans only keys above those
 * of its predecessors, and LevelDB never rewrites the old part of the log. Pins come last and the newest of
 * them first, for the same reason. All integers are big-endian.
 */
export const logSpaces = {
  messages: {
    prefix: 1,
    key: 'seq',
    value: 'crc32, flags, arrival time, message id, message bytes',
  },
  entryPoints: {
    prefix: 2,
    key: 'message id',
    value: 'highest seq that still needs it, flags, arrival time of its first child',
  },
  epochs: { prefix: 3, key: 'first seq', value: 'log id, last seq before the first' },
  state: { prefix: 4, key: 'name', value: 'layout, network, cut, cleared, pins' },
  pinned: {
    prefix: 5,
    key: 'kind, message id or indexation key',
    value: 'of an id: seq if kept below the cut, else 0; bytes of its record',
  },
  pins: { prefix: 6, key: 'greatest seq less the seq', value: 'as in messages' },
} as const satisfies Record<string, Space>;

export const indexSpaces = {
  ids: { prefix: 1, key: 'first 16 bytes of the message id', value: 'seq' },
  children: { prefix: 2, key: 'parent seq, lazy flag of the child, child seq', value: '' },
  indexation: { prefix: 3, key: 'key length, key, seq', value: 'message id' },
  pending: { prefix: 4, key: 'message id', value: 'arrival time, message bytes' },
  state: {
    prefix: 5,
    key: 'name',
    value: 'position: layout, log id, indexed-up-to seq; swept: a cut for each piece',
  },
  far: { prefix: 6, key: 'parent seq, child seq', value: '' },
} as const satisfies Record<string, Space>;

export const u64Bytes = 8;
/**
 * The keys of `ids` lie at random, so that each of their bytes is written some eight times before it has its place.
 * Of a hash of 256 bits half is enough: two ids that begin alike take some 2^64 messages to find, each with its work.
 */
const idStartBytes = 16;
const logIdBytes = 16;
export const lazyFlag = 1;

/** What the smallest message adds to a write-ahead file of the index, at the least: bounds how many it can hold. */
export const minIndexRecordBytes = 1 + idStartBytes + u64Bytes;

export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

/** Both included. */
export interface SeqRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export function spaceRange(space: Space): KeyRange {
  return { gte: Buffer.of(space.prefix), lt: Buffer.of(space.prefix + 1) };
}

// ---- numbers: exact up to 2^53, which no seq and no time reaches ----

const maxSeq = Number.MAX_SAFE_INTEGER;

export function writeU64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  target.writeUInt32BE(value >>> 0, offset + 4);
}

export function readU64(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * 2 ** 32 + source.readUInt32BE(offset + 4);
}

export const encodeNumber = (value: number): Buffer =>
  numberInto(Buffer.allocUnsafe(u64Bytes), value);

/** As all that end so: writes over the result of an earlier call, and returns it. */
export function numberInto(target: Buffer, value: number): Buffer {
  writeU64(target, value, 0);
  return target;
}

export function decodeNumber(value: Buffer): number {
  return readU64(value, 0);
}

// ---- keys ----

function keyOf(space: Space, size: number): Buffer {
  const key = Buffer.allocUnsafe(1 + size);
  key[0] = space.prefix;
  return key;
}

function bytesKey(space: Space, bytes: Uint8Array): Buffer {
  const key = keyOf(space, bytes.length);
  key.set(bytes, 1);
  return key;
}

const seqKey = (space: Space, seq: number): Buffer => seqKeyInto(keyOf(space, u64Bytes), seq);

/** Of messages, epochs, pins. */
export function seqKeyInto(target: Buffer, seq: number): Buffer {
  writeU64(target, seq, 1);
  return target;
}

/** The seq that a key of messages, epochs, children, far children or indexation ends with. */
export function seqOfKey(key: Buffer): number {
  return readU64(key, key.length - u64Bytes);
}

/** What a key of `ids` has of the id. */
export function idStartOfKey(key: Buffer): Uint8Array {
  return key.subarray(1);
}

/** The id that a key of entry points or pending messages ends with. */
export function idOfKey(key: Buffer): MessageId {
  return asMessageId(key.subarray(1));
}

export const messageKey = (seq: number): Buffer => seqKey(logSpaces.messages, seq);
export const epochKey = (firstSeq: number): Buffer => seqKey(logSpaces.epochs, firstSeq);
export const entryPointKey = (id: Uint8Array): Buffer => bytesKey(logSpaces.entryPoints, id);
/** Of two messages whose ids begin alike the newer one has the key: a hit counts only if the record has the whole id. */
export const idKey = (id: Uint8Array): Buffer =>
  idKeyInto(keyOf(indexSpaces.ids, idStartBytes), id);

export function idKeyInto(target: Buffer, id: Uint8Array): Buffer {
  // Byte by byte: a view of an id makes V8 give the id memory outside of its heap (`idText`).
  for (let at = 0; at < idStartBytes; at++) target[1 + at] = id[at] ?? 0;
  return target;
}
export const pendingKey = (id: Uint8Array): Buffer => bytesKey(indexSpaces.pending, id);

/** `cleared`: up to there no record is left below the cut. `pins`: how many are kept, and their bytes. */
export type LogStateName = 'layout' | 'network' | 'cut' | 'cleared' | 'pins';
export const logStateKey = (name: LogStateName): Buffer =>
  bytesKey(logSpaces.state, Buffer.from(name));
export const positionKey: Buffer = bytesKey(indexSpaces.state, Buffer.from('position'));
export const sweptKey: Buffer = bytesKey(indexSpaces.state, Buffer.from('swept'));

/** Messages with `fromSeq <= seq < beforeSeq`. */
export function messageRange(fromSeq: number, beforeSeq: number): KeyRange {
  return { gte: messageKey(fromSeq), lt: messageKey(Math.min(beforeSeq, maxSeq)) };
}

export const pinKey = (seq: number): Buffer => seqKey(logSpaces.pins, maxSeq - seq);
/** Where the log has a record: among the messages, or below the cut among what is kept. */
export const recordKey = (seq: number, cutSeq: number): Buffer =>
  seq > cutSeq ? messageKey(seq) : pinKey(seq);
export const seqOfPinKey = (key: Buffer): number => maxSeq - seqOfKey(key);

/** Kept records with `fromSeq <= seq <= toSeq`; the highest comes first. */
export function pinRange(fromSeq: number, toSeq: number): KeyRange {
  return { gte: pinKey(Math.min(toSeq, maxSeq)), lt: pinKey(Math.max(fromSeq, 1) - 1) };
}

/** Sorted so that the first child that is not lazy is the first key of its parent. */
export function childKey(parentSeq: number, isLazy: boolean, childSeq: number): Buffer {
  const target = keyOf(indexSpaces.children, 2 * u64Bytes + 1);
  return childKeyInto(target, { parentSeq, isLazy, childSeq });
}

export interface Child {
  readonly parentSeq: number;
  readonly isLazy: boolean;
  readonly childSeq: number;
}

export function childKeyInto(target: Buffer, { parentSeq, isLazy, childSeq }: Child): Buffer {
  writeU64(target, parentSeq, 1);
  target[1 + u64Bytes] = isLazy ? lazyFlag : 0;
  writeU64(target, childSeq, 2 + u64Bytes);
  return target;
}

/** One of `pieces` equal parts of all ids. */
export function idPieceRange(piece: number, pieces: number): KeyRange {
  const { gte, lt } = spaceRange(indexSpaces.ids);
  const edge = (at: number): Buffer => Buffer.from([indexSpaces.ids.prefix, (at * 256) / pieces]);
  return { gte: piece === 0 ? gte : edge(piece), lt: piece + 1 === pieces ? lt : edge(piece + 1) };
}

/** Of a child or a far one, which is `seqOfKey`. */
export function parentOfChildKey(key: Buffer): number {
  return readU64(key, 1);
}

export function isLazyChildKey(key: Buffer): boolean {
  return key[1 + u64Bytes] === lazyFlag;
}

/** All children of the parents `firstSeq` to `lastSeq`. */
export function familyRange(firstSeq: number, lastSeq: number): KeyRange {
  return { gte: childKey(firstSeq, false, 0), lt: childKey(lastSeq + 1, false, 0) };
}

/** The children `firstSeq` to `lastSeq` of one parent. */
export function childrenBetween(
  parentSeq: number,
  isLazy: boolean,
  { firstSeq, lastSeq }: SeqRange,
): KeyRange {
  return {
    gte: childKey(parentSeq, isLazy, firstSeq),
    lt: childKey(parentSeq, isLazy, Math.min(lastSeq, maxSeq - 1) + 1),
  };
}

export function childRange(parentSeq: number, which: 'all' | 'not lazy'): KeyRange {
  return {
    gte: childKey(parentSeq, false, 0),
    lt: which === 'all' ? childKey(parentSeq + 1, false, 0) : childKey(parentSeq, true, 0),
  };
}

/** The length stands first, so that no indexation key is a prefix of another. */
export function indexationKey(indexKey: Uint8Array, seq: number): Buffer {
  const key = keyOf(indexSpaces.indexation, 1 + indexKey.length + u64Bytes);
  key[1] = indexKey.length;
  key.set(indexKey, 2);
  writeU64(key, seq, 2 + indexKey.length);
  return key;
}

/** The messages with the key and `afterSeq < seq < beforeSeq`. */
export function indexationRange(
  indexKey: Uint8Array,
  { afterSeq, beforeSeq }: { readonly afterSeq: number; readonly beforeSeq: number },
): KeyRange {
  return {
    gte: indexationKey(indexKey, afterSeq + 1),
    lt: indexationKey(indexKey, Math.min(beforeSeq, maxSeq)),
  };
}

// ---- values ----

/** A stretch of the log without loss: numbers from `firstSeq` on were given under this log id. */
export interface Epoch {
  readonly firstSeq: number;
  readonly logId: Buffer;
  readonly lastSeqBefore: number;
}

export function encodeEpoch(epoch: Epoch): Buffer {
  return Buffer.concat([epoch.logId, encodeNumber(epoch.lastSeqBefore)]);
}

export function decodeEpoch(key: Buffer, value: Buffer): Epoch {
  return {
    firstSeq: seqOfKey(key),
    logId: value.subarray(0, logIdBytes),
    lastSeqBefore: readU64(value, logIdBytes),
  };
}

const pointFlags = { lazy: lazyFlag, held: 2, hasChild: 4 } as const;

export function encodeEntryPoint(point: EntryPoint): Buffer {
  const value = Buffer.allocUnsafe(2 * u64Bytes + 1);
  writeU64(value, point.neededSeq, 0);
  value[u64Bytes] =
    (point.isLazy ? pointFlags.lazy : 0) |
    (point.isHeld ? pointFlags.held : 0) |
    (point.firstChildMs === undefined ? 0 : pointFlags.hasChild);
  writeU64(value, point.firstChildMs ?? 0, u64Bytes + 1);
  return value;
}

/** Logs that were never cut may hold the number alone, for the genesis. */
export function decodeEntryPoint(value: Buffer): EntryPoint {
  const flags = value[u64Bytes] ?? 0;
  return {
    neededSeq: readU64(value, 0),
    isLazy: (flags & pointFlags.lazy) !== 0,
    isHeld: (flags & pointFlags.held) !== 0,
    firstChildMs: (flags & pointFlags.hasChild) === 0 ? undefined : readU64(value, u64Bytes + 1),
  };
}

export interface Network {
  readonly name: string;
  readonly id: bigint;
}

export function encodeNetwork(network: Network): Buffer {
  const id = Buffer.allocUnsafe(u64Bytes);
  id.writeBigUInt64BE(network.id);
  return Buffer.concat([id, Buffer.from(network.name)]);
}

export function decodeNetwork(value: Buffer): Network {
  return { id: value.readBigUInt64BE(0), name: value.toString('utf8', u64Bytes) };
}

/** Which log the index is a view of, and how far. */
export interface Position {
  readonly layout: number;
  readonly logId: Buffer;
  readonly indexedUpToSeq: number;
}

export function encodePosition(position: Position): Buffer {
  const value = Buffer.allocUnsafe(1 + logIdBytes + u64Bytes);
  value[0] = position.layout;
  value.set(position.logId, 1);
  writeU64(value, position.indexedUpToSeq, 1 + logIdBytes);
  return value;
}

export function decodePosition(value: Buffer): Position {
  return {
    layout: value.readUInt8(0),
    logId: value.subarray(1, 1 + logIdBytes),
    indexedUpToSeq: readU64(value, 1 + logIdBytes),
  };
}

/** Up to which cut each piece of the index was rid of what was pruned. */
export function encodeSwept(seqs: readonly number[]): Buffer {
  return Buffer.concat(seqs.map(encodeNumber));
}

export function decodeSwept(value: Buffer): readonly number[] {
  return Array.from({ length: Math.floor(value.length / u64Bytes) }, (_, position) =>
    readU64(value, position * u64Bytes),
  );
}

/** The value of an indexation key. */
export function encodeId(id: MessageId): Buffer {
  return Buffer.from(id);
}

export function encodePending(record: PendingRecord): Buffer {
  return Buffer.concat([encodeNumber(record.arrivalMs), record.bytes]);
}

export function decodePending(id: MessageId, value: Buffer): PendingRecord {
  return { id, arrivalMs: readU64(value, 0), bytes: value.subarray(u64Bytes) };
}
