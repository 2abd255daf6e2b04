// Pinning and unpinning: by id one message, by indexation key all that have it and will have it. A write like any other.
import { TangleError } from '../errors.ts';
import { genesisId, messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Shelves } from './append.ts';
import { entriesOf, indexKeyIn } from './entries.ts';
import type { Index } from './index.ts';
import { bytesOfText, idOfText, idText, recordBytes } from './layout.ts';
import type { Log } from './log.ts';
import type { PinChange } from './pins.ts';
import type { PinList, PinTarget, StoredMessage } from './store.ts';

/** Both are in memory, and listed in one answer. */
export const maxPins = { ids: 1_000, indexKeys: 1_000 };
/** Removed in one write: up to 16 MiB. */
const removalSize = 256;

/** Throws MESSAGE_NOT_FOUND, MESSAGE_PRUNED, TOO_MANY_PINS, PINS_FULL. */
export function pin(shelves: Shelves, target: PinTarget, maxBytes: number): Promise<void> {
  return 'id' in target
    ? pinMessage(shelves, target.id, maxBytes)
    : pinIndexKey(shelves, target.indexKey, maxBytes);
}

/**
 * Removes some of what was kept for this pin alone, and with the last of it the pin. True when that is done. Throws
 * PIN_UNKNOWN.
 */
export function unpinSome(shelves: Shelves, target: PinTarget): Promise<boolean> {
  return 'id' in target
    ? unpinMessage(shelves, target.id)
    : unpinSomeOfIndexKey(shelves, target.indexKey);
}

/** It counts from now on, so that there is room for it when it is cut. */
async function pinMessage({ log, view }: Shelves, id: MessageId, maxBytes: number): Promise<void> {
  const { pins, cutSeq } = log;
  const key = idText(id);
  if (pins.ids.has(key)) return;
  const record = view.get(id);
  if (record === undefined) throw notHere(id, log.entryPoint(key) !== undefined);
  if (pins.ids.size >= maxPins.ids) throw tooMany(`${maxPins.ids} messages`);
  const isKept = record.seq <= cutSeq;
  const sizeBytes = recordBytes(record);
  if (!isKept && pins.usedBytes + sizeBytes > maxBytes) throw full(pins.usedBytes, maxBytes);
  const pinned = { keptSeq: isKept ? record.seq : 0, sizeBytes };
  await log.changePins({ ids: new Map([[key, pinned]]) });
}

/** What has the key counts when it is cut. */
async function pinIndexKey(
  { log }: Pick<Shelves, 'log'>,
  indexKey: Uint8Array,
  maxBytes: number,
): Promise<void> {
  const { pins } = log;
  const key = idText(indexKey);
  if (pins.indexKeys.has(key)) return;
  if (pins.indexKeys.size >= maxPins.indexKeys) throw tooMany(`${maxPins.indexKeys} indexes`);
  if (pins.usedBytes >= maxBytes) throw full(pins.usedBytes, maxBytes);
  await log.changePins({ indexKeys: new Map([[key, 'pinned']]) });
}

async function unpinMessage(shelves: Shelves, id: MessageId): Promise<boolean> {
  const { log } = shelves;
  const key = idText(id);
  const pinned = log.pins.ids.get(key);
  if (pinned === undefined) throw unknown('message');
  const [kept] = await log.pins.getMany([pinned.keptSeq]);
  const drop = kept === undefined || isKeyPinned(log, kept) ? [] : [kept];
  await dropKept(shelves, drop, { ids: new Map([[key, undefined]]) });
  return true;
}

async function unpinSomeOfIndexKey(shelves: Shelves, indexKey: Uint8Array): Promise<boolean> {
  const { log, index } = shelves;
  const { pins, cutSeq } = log;
  const key = idText(indexKey);
  if (!pins.indexKeys.has(key)) throw unknown('index');
  const isDroppable = ({ id }: StoredMessage): boolean => !pins.ids.has(idText(id));
  const drop: StoredMessage[] = [];
  const below = { afterSeq: 0, beforeSeq: cutSeq + 1 };
  for await (const page of index.foundPages(indexKey, below, removalSize)) {
    const records = await pins.getMany(page.map(({ seq }) => seq));
    drop.push(...records.filter((record) => record !== undefined).filter(isDroppable));
    if (drop.length >= removalSize) break;
  }
  const isLast = drop.length < removalSize;
  await dropKept(shelves, drop, isLast ? { indexKeys: new Map([[key, 'unpinned']]) } : {});
  return isLast;
}

export async function listPins({ log, view }: Shelves): Promise<PinList> {
  const { ids, indexKeys } = log.pins;
  const pinned = [...ids].map(([key, found]) => ({ id: idOfText(key), ...found }));
  const facts = await view.facts(pinned.map(({ id }) => id));
  const messages = pinned.map(({ id, sizeBytes, keptSeq }, position) => {
    const isStored = (facts[position]?.seq ?? 0) > 0;
    const state = keptSeq > 0 ? ('kept' as const) : isStored ? 'stored' : 'missing';
    return { id, sizeBytes, state } as const;
  });
  return { messages, indexKeys: [...indexKeys].map(bytesOfText) };
}

function isKeyPinned({ pins }: Log, record: StoredMessage): boolean {
  const indexKey = indexKeyIn(record);
  return indexKey !== undefined && pins.indexKeys.has(idText(indexKey));
}

/** The log first: what the index has of it then points at nothing. */
async function dropKept(
  { log, index }: Shelves,
  drop: readonly StoredMessage[],
  change: PinChange,
): Promise<void> {
  await log.changePins({ ...change, drop });
  await forgetKept(index, drop);
}

/** How kept messages are found, whose children they are, and who their children are. */
export async function forgetKept(index: Index, records: readonly StoredMessage[]): Promise<void> {
  if (records.length > 0) await index.forget(await entriesOf(records, { index }));
}

function notHere(id: MessageId, isEntryPoint: boolean): TangleError {
  const hex = messageIdHex(id);
  // The genesis never was a message.
  if (!isEntryPoint || Buffer.compare(id, genesisId) === 0) {
    return new TangleError(
      'MESSAGE_NOT_FOUND',
      `No message ${hex} is stored here: it never came, or was pruned.`,
    );
  }
  return new TangleError(
    'MESSAGE_PRUNED',
    `The message ${hex} was pruned already; nothing but its id is here.`,
  );
}

function tooMany(what: string): TangleError {
  return new TangleError('TOO_MANY_PINS', `There are pins for ${what} already; remove one.`);
}

function full(usedBytes: number, maxBytes: number): TangleError {
  return new TangleError(
    'PINS_FULL',
    `Pinned messages take ${usedBytes} of the ${maxBytes} bytes that pruning.maxPinnedBytes allows; remove pins, or raise it.`,
    { details: { usedBytes, maxBytes } },
  );
}

function unknown(what: 'message' | 'index'): TangleError {
  return new TangleError('PIN_UNKNOWN', `That ${what} is not pinned.`);
}
