// What of pins can be read and proven in a damaged log: what is pinned, and what is kept below the cut for it.
import { decodeMessage } from '../protocol/codec.ts';
import { idText } from '../protocol/ids.ts';
import { indexKeyOf } from '../protocol/message.ts';
import type { Database } from './database.ts';
import { logSpaces, logStateKey, pinKey, seqOfPinKey, spaceRange } from './layout.ts';
import { decodeKept, decodePinned } from './pin-layout.ts';
import type { KeptTotals, PinnedId } from './pin-layout.ts';
import type { Rebuild } from './rebuild.ts';
import { decodeRecord, hasProvenBytes } from './record-layout.ts';
import { salvage, salvageOne } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import type { StoredMessage } from './store.ts';

/** By `idText`. */
export interface Pinned {
  readonly ids: ReadonlyMap<string, PinnedId>;
  readonly indexKeys: ReadonlySet<string>;
}

export interface SalvagedPins extends Pinned {
  /** As the log says. */
  readonly kept: KeptTotals;
  /** Entries that name nothing. */
  readonly strangeKeys: readonly Buffer[];
}

export async function salvagedPins(db: Database, report: SalvageReport): Promise<SalvagedPins> {
  const ids = new Map<string, PinnedId>();
  const indexKeys = new Set<string>();
  const strangeKeys: Buffer[] = [];
  for await (const page of salvage(db, spaceRange(logSpaces.pinned), report)) {
    for (const [key, value] of page) {
      const found = decodePinned(key, value);
      if (found === undefined) strangeKeys.push(key);
      else if (found.pinnedId === undefined) indexKeys.add(idText(found.bytes));
      else ids.set(idText(found.bytes), found.pinnedId);
    }
  }
  const value = await salvageOne(db, logStateKey('pins'), report);
  const kept = value === undefined ? { messageCount: 0, sizeBytes: 0 } : decodeKept(value);
  return { ids, indexKeys, kept, strangeKeys };
}

/** Whether anything pins a message that is whole. */
export function isPinned({ ids, indexKeys }: Pinned, { id, bytes }: StoredMessage): boolean {
  if (ids.has(idText(id))) return true;
  const indexKey = indexKeyOf(decodeMessage(bytes));
  return indexKey !== undefined && indexKeys.has(idText(indexKey));
}

/** Undefined for what does not prove itself. */
export function provenPin(key: Buffer, value: Buffer): StoredMessage | undefined {
  if (key.length !== pinKey(0).length) return undefined;
  const record = decodeRecord(seqOfPinKey(key), value);
  if (record === undefined || !hasProvenBytes(record)) return undefined;
  try {
    decodeMessage(record.bytes);
    return record;
  } catch {
    return undefined;
  }
}

interface KeptSource {
  readonly pins: SalvagedPins;
  readonly rebuild: Rebuild;
  readonly report: SalvageReport;
}

export interface KeptLosses {
  /** Messages that were kept and are not there, or do not prove themselves. */
  readonly lostPins: number;
  /** The log does not know how much it keeps. */
  readonly isMiscounted: boolean;
}

/** Hands all that is proven to the rebuild. */
export async function salvageKept(
  db: Database,
  { pins, rebuild, report }: KeptSource,
): Promise<KeptLosses> {
  for await (const page of salvage(db, spaceRange(logSpaces.pins), report)) {
    const records = page.flatMap(([key, value]) => provenPin(key, value) ?? []);
    const pinned = records.filter((record) => isPinned(pins, record));
    await rebuild.pins.add(pinned);
  }
  await rebuild.pins.index();
  const { messageCount, sizeBytes } = rebuild.pins.kept;
  return {
    lostPins: Math.max(0, pins.kept.messageCount - messageCount),
    isMiscounted: messageCount > pins.kept.messageCount || sizeBytes !== pins.kept.sizeBytes,
  };
}
