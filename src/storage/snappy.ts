// LevelDB packs blocks with Snappy. This unpacks them, also when they are cut off or damaged: then what comes before
// the damage. The format: github.com/google/snappy/blob/main/format_description.txt.
import { ByteCursor } from './byte-cursor.ts';

export interface Unpacked {
  /** How much was written into the target. */
  readonly sizeBytes: number;
  /** Where the packed bytes end: they tell it themselves. Undefined when they are not whole. */
  readonly endsAt: number | undefined;
}

const elements = { literal: 0, nearCopy: 1, copy: 2 } as const;

/** Never writes behind the end of the target; what would need more room is no packed block. */
export function unpackSnappy(packed: Buffer, at: number, target: Buffer): Unpacked {
  const from = new ByteCursor(packed, at);
  const wantedBytes = from.varint() ?? Infinity;
  let sizeBytes = 0;
  if (wantedBytes > target.length) return { sizeBytes, endsAt: undefined };
  while (sizeBytes < wantedBytes) {
    const tag = from.littleEndian(1);
    if (tag === undefined) break;
    const room = wantedBytes - sizeBytes;
    const added =
      (tag & 3) === elements.literal
        ? addLiteral(from, tag, target.subarray(sizeBytes, wantedBytes))
        : addCopy(from, tag, { target, sizeBytes, room });
    if (added === undefined) break;
    sizeBytes += added.sizeBytes;
    if (!added.isWhole) break;
  }
  return { sizeBytes, endsAt: sizeBytes === wantedBytes ? from.at : undefined };
}

interface Added {
  readonly sizeBytes: number;
  readonly isWhole: boolean;
}

function addLiteral(from: ByteCursor, tag: number, target: Buffer): Added | undefined {
  const short = tag >>> 2;
  const lessOne = short < 60 ? short : from.littleEndian(short - 59);
  if (lessOne === undefined || lessOne >= target.length) return undefined;
  const literal = from.take(lessOne + 1);
  literal.copy(target);
  return { sizeBytes: literal.length, isWhole: literal.length === lessOne + 1 };
}

interface Output {
  readonly target: Buffer;
  readonly sizeBytes: number;
  readonly room: number;
}

function addCopy(
  from: ByteCursor,
  tag: number,
  { target, sizeBytes, room }: Output,
): Added | undefined {
  const { length, distance } = copyOf(from, tag);
  if (distance === 0 || distance > sizeBytes || length > room) return undefined;
  // Byte by byte: a copy may reach into what it writes.
  for (let to = sizeBytes; to < sizeBytes + length; to++) target[to] = target[to - distance] ?? 0;
  return { sizeBytes: length, isWhole: true };
}

function copyOf(
  from: ByteCursor,
  tag: number,
): { readonly length: number; readonly distance: number } {
  const kind = tag & 3;
  if (kind === elements.nearCopy) {
    const distance = (tag >>> 5) * 256 + (from.littleEndian(1) ?? Infinity);
    return { length: ((tag >>> 2) & 7) + 4, distance };
  }
  const distance = from.littleEndian(kind === elements.copy ? 2 : 4) ?? Infinity;
  return { length: (tag >>> 2) + 1, distance };
}
