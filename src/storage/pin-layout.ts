// What is pinned, as it stands in the log. Its key space is in the table of layout.ts, as are the keys of what is kept.
import { decodeNumber, encodeNumber, logSpaces } from './layout.ts';

const u64Bytes = 8;
const idBytes = 32;

/** What a pin names. */
const pinKinds = { id: 1, indexKey: 2 } as const;

export function pinnedKey(kind: keyof typeof pinKinds, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(logSpaces.pinned.prefix, pinKinds[kind]), bytes]);
}

/** Of a message that is pinned by its id. */
export interface PinnedId {
  /** 0 while it is not kept below the cut. */
  readonly keptSeq: number;
  /** What its record takes, kept or not. */
  readonly sizeBytes: number;
}

export function encodePinnedId({ keptSeq, sizeBytes }: PinnedId): Buffer {
  return Buffer.concat([encodeNumber(keptSeq), encodeNumber(sizeBytes)]);
}

/** Undefined for what is none. */
export function decodePinned(
  key: Buffer,
  value: Buffer,
): { readonly bytes: Buffer; readonly pinnedId: PinnedId | undefined } | undefined {
  const bytes = key.subarray(2);
  if (key[1] === pinKinds.indexKey && bytes.length > 0) return { bytes, pinnedId: undefined };
  if (key[1] !== pinKinds.id || bytes.length !== idBytes) return undefined;
  if (value.length !== 2 * u64Bytes) return undefined;
  const pinnedId = {
    keptSeq: decodeNumber(value),
    sizeBytes: decodeNumber(value.subarray(u64Bytes)),
  };
  return { bytes, pinnedId };
}

/** Of all that is kept. */
export interface KeptTotals {
  readonly messageCount: number;
  readonly sizeBytes: number;
}

export function encodeKept({ messageCount, sizeBytes }: KeptTotals): Buffer {
  return Buffer.concat([encodeNumber(messageCount), encodeNumber(sizeBytes)]);
}

export function decodeKept(value: Buffer): KeptTotals {
  return { messageCount: decodeNumber(value), sizeBytes: decodeNumber(value.subarray(u64Bytes)) };
}
