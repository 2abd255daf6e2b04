// How entry points stand in a chunk.
import { asMessageId } from '../protocol/ids.ts';
import type { EntryPointRecord } from '../storage/store.ts';

/** id, needed seq u64, flags u8, arrival time of the first child u64. */
const pointBytes = 49;
const flags = { lazy: 1, held: 2, hasChild: 4 } as const;

export function encodeEntryPoints(points: readonly EntryPointRecord[]): Buffer {
  return Buffer.concat(points.map(encodePoint));
}

function encodePoint(point: EntryPointRecord): Buffer {
  const bytes = Buffer.alloc(pointBytes);
  bytes.set(point.id);
  bytes.writeBigUInt64LE(BigInt(point.neededSeq), 32);
  bytes[40] =
    (point.isLazy ? flags.lazy : 0) |
    (point.isHeld ? flags.held : 0) |
    (point.firstChildMs === undefined ? 0 : flags.hasChild);
  bytes.writeBigUInt64LE(BigInt(point.firstChildMs ?? 0), 41);
  return bytes;
}

/** Undefined when these are none. */
export function decodeEntryPoints(payload: Buffer): readonly EntryPointRecord[] | undefined {
  if (payload.length % pointBytes !== 0) return undefined;
  const count = payload.length / pointBytes;
  return Array.from({ length: count }, (_, position) => {
    const bytes = payload.subarray(position * pointBytes, (position + 1) * pointBytes);
    const set = bytes.readUInt8(40);
    return {
      id: asMessageId(Buffer.from(bytes.subarray(0, 32))),
      neededSeq: Number(bytes.readBigUInt64LE(32)),
      isLazy: (set & flags.lazy) !== 0,
      isHeld: (set & flags.held) !== 0,
      firstChildMs: (set & flags.hasChild) === 0 ? undefined : Number(bytes.readBigUInt64LE(41)),
    };
  });
}
