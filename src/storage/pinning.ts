// Pinning and unpinning: by id one message, by indexation key all that have it and will have it. A write like any other.
import { TangleError } from '../errors.ts';
import { InTurn } from '../in-turn.ts';
import { bytesOfText, genesisId, idOfText, idText, messageIdHex } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Shelves } from './append.ts';
import type { Turns } from './cut.ts';
import { entriesOf, indexKeyIn } from './entries.ts';
import type { Index } from './index.ts';
import type { Log } from './log.ts';
import type { PinChange } from './pins.ts';
import { recordBytes } from './record-layout.ts';
import type { PinList, PinTarget, StoredMessage } from './store.ts';

/** Both are in memory, and listed in one answer. */
export const maxPins = { ids: 1_000, indexKeys: 1_000 };
/** Looked at in one write, and removed if kept: up to 8 MiB, and as much again of what was cut meanwhile. */
const removalSize = 256;

/** How far an unpinning has come, which goes down from the cut: what was cut since it began is left for its end. */
interface Unpinning {
  readonly afterSeq: number;
  readonly beforeSeq: number;
  readonly cutSeq: number;
}

/** Throws MESSAGE_NOT_FOUND, MESSAGE_PRUNED, TOO_MANY_PINS, PINS_FULL. */
export function pin(shelves: Shelves, target: PinTarget, maxBytes: number): Promise<void> {
  return 'id' in target
    ? pinMessage(shelves, target.id, maxBytes)
    : pinIndexKey(shelves, target.indexKey, maxBytes);
}

/** One pin after the other, each in short writes between which others have a turn. */
export class Unpinner {
  readonly #turns: Pick<Turns, 'write'>;
  readonly #inTurn = new InTurn();

  constructor(turns: Pick<Turns, 'write'>) {
    this.#turns = turns;
  }

  /** What was kept for this pin alone goes, and with the last of it the pin. Throws PIN_UNKNOWN. */
  unpin(target: PinTarget): Promise<void> {
    return this.#inTurn.run(() => this.#unpin(target));
  }

  async #unpin(target: PinTarget): Promise<void> {
    const { write } = this.#turns;
    if ('id' in target) return write((shelves) => unpinMessage(shelves, target.id));
    const { indexKey } = target;
    let from: Unpinning | undefined;
    do {
      const place = from;
      from = await write((shelves) => unpinSome(shelves, indexKey, place));
    } while (from !== undefined);
  }
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

async function unpinMessage(shelves: Shelves, id: MessageId): Promise<void> {
  const { log } = shelves;
  const key = idText(id);
  const pinned = log.pins.ids.get(key);
  if (pinned === undefined) throw unknown('message');
  const [kept] = await log.pins.getMany([pinned.keptSeq]);
  const drop = kept === undefined || isKeyPinned(log, kept) ? [] : [kept];
  await dropKept(shelves, drop, { ids: new Map([[key, undefined]]) });
}

/**
 * Returns where to go on, undefined at the end. The index may have much more of the key than is kept: what was pruned
 * and is not swept yet.
 */
async function unpinSome(
  shelves: Shelves,
  indexKey: Uint8Array,
  from: Unpinning | undefined,
): Promise<Unpinning | undefined> {
  const { log, index } = shelves;
  const { pins, cutSeq } = log;
  const key = idText(indexKey);
  if (!pins.indexKeys.has(key)) throw unknown('index');
  const drop: StoredMessage[] = [];
  let place = from ?? { afterSeq: 0, beforeSeq: cutSeq + 1, cutSeq };
  for (;;) {
    const seqs = (await index.foundPage(indexKey, place, removalSize)).map(({ seq }) => seq);
    const records = (await pins.getMany(seqs)).filter((record) => record !== undefined);
    drop.push(...records.filter(({ id }) => !pins.ids.has(idText(id))));
    const lastSeq = seqs.length < removalSize ? undefined : seqs.at(-1);
    if (lastSeq !== undefined) {
      if (drop.length > 0) await dropKept(shelves, drop, {});
      return { ...place, beforeSeq: lastSeq };
    }
    if (place.cutSeq === cutSeq) break;
    place = { afterSeq: place.cutSeq, beforeSeq: cutSeq + 1, cutSeq };
  }
  await dropKept(shelves, drop, { indexKeys: new Map([[key, 'unpinned']]) });
  return undefined;
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

/** How kept messages are found, and whose children they are. */
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
