// How pins stand in a chunk: first what it holds, then either what is pinned, or messages that are kept for it.
import { asMessageId } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import { maxIndexBytes } from '../protocol/message.ts';
import { maxPins } from '../storage/pinning.ts';
import type { StoredMessage } from '../storage/store.ts';
import { decodeRecords, encodeRecords } from './records.ts';

const holds = { pinned: 1, kept: 2 } as const;
const kinds = { id: 1, indexKey: 2 } as const;
const idBytes = 32;

/** As the owner named it. */
export interface PinnedNames {
  readonly ids: readonly MessageId[];
  readonly indexKeys: readonly Uint8Array[];
}

export type PinsPayload =
  | { readonly kind: 'pinned'; readonly pinned: PinnedNames }
  | { readonly kind: 'kept'; readonly records: readonly StoredMessage[] };

export function encodePinned({ ids, indexKeys }: PinnedNames): Buffer {
  return Buffer.concat([
    Buffer.of(holds.pinned),
    ...ids.flatMap((id) => item(kinds.id, id)),
    ...indexKeys.flatMap((key) => item(kinds.indexKey, key)),
  ]);
}

function item(kind: number, bytes: Uint8Array): Uint8Array[] {
  return [Buffer.of(kind, bytes.length), bytes];
}

export function encodeKept(records: readonly StoredMessage[]): Buffer {
  return Buffer.concat([Buffer.of(holds.kept), encodeRecords(records)]);
}

/** Undefined when these are none. */
export function decodePins(payload: Buffer): PinsPayload | undefined {
  const rest = payload.subarray(1);
  if (payload[0] === holds.kept) {
    const records = decodeRecords(rest);
    return records && { kind: 'kept', records };
  }
  const pinned = payload[0] === holds.pinned ? decodePinned(rest) : undefined;
  return pinned && { kind: 'pinned', pinned };
}

function decodePinned(payload: Buffer): PinnedNames | undefined {
  const ids: MessageId[] = [];
  const indexKeys: Uint8Array[] = [];
  let at = 0;
  while (at < payload.length) {
    const [kind, sizeBytes = 0] = payload.subarray(at, at + 2);
    const bytes = Buffer.from(payload.subarray(at + 2, at + 2 + sizeBytes));
    if (bytes.length !== sizeBytes) return undefined;
    if (kind === kinds.id && isId(bytes)) ids.push(asMessageId(bytes));
    else if (kind === kinds.indexKey && isIndexKey(bytes)) indexKeys.push(bytes);
    else return undefined;
    at += 2 + sizeBytes;
  }
  const isWithin = ids.length <= maxPins.ids && indexKeys.length <= maxPins.indexKeys;
  return isWithin ? { ids, indexKeys } : undefined;
}

const isId = (bytes: Buffer): boolean => bytes.length === idBytes;
const isIndexKey = ({ length }: Buffer): boolean => length >= 1 && length <= maxIndexBytes;
