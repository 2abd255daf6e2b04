// What the log knows about itself: written once at its birth, read at every start.
import { randomBytes } from 'node:crypto';
import { TangleError } from '../errors.ts';
import { genesisId, idOfText, idText } from '../protocol/ids.ts';
import { commit, pagesOf } from './database.ts';
import type { Batch, Database } from './database.ts';
import type { NamedPoints } from './entry-points.ts';
import {
  decodeEntryPoint,
  decodeEpoch,
  decodeNetwork,
  decodeNumber,
  encodeEntryPoint,
  encodeEpoch,
  encodeNetwork,
  encodeNumber,
  entryPointKey,
  epochKey,
  idOfKey,
  layoutVersion,
  logSpaces,
  logStateKey,
  spaceRange,
} from './layout.ts';
import type { Epoch, Network } from './layout.ts';
import { Pins } from './pins.ts';
import type { EntryPoint, NewRecord, StoredMessage } from './store.ts';

const pageSizes = { first: 1_000, next: 1_000 };

export interface LogState {
  readonly isNew: boolean;
  readonly cutSeq: number;
  /** Up to there nothing is left of what was cut. */
  readonly clearedSeq: number;
  /** Ascending, at least one. */
  readonly epochs: readonly Epoch[];
  /** By `idText`. */
  readonly entryPoints: Map<string, EntryPoint>;
  readonly pins: Pins;
}

export interface LogRecord extends Pick<NewRecord, 'id' | 'bytes' | 'arrivalMs' | 'isLazy'> {
  readonly entryPoints: NamedPoints;
}

/** An append that is ready. */
export interface StagedRecords {
  readonly stored: readonly StoredMessage[];
  /** What it changes of entry points. */
  readonly points: ReadonlyMap<string, EntryPoint>;
  /** Once, before anything else is staged. */
  readonly write: () => Promise<void>;
}

/** By `idText`; undefined for one that goes. */
export type EntryPointChanges = ReadonlyMap<string, EntryPoint | undefined>;

/** 16 random bytes: no two logs, and no two epochs of one, have the same. */
export function drawLogId(): Buffer {
  return randomBytes(16);
}

/** Of a log that was never cut. */
export const newGenesis: EntryPoint = {
  neededSeq: 0,
  isLazy: false,
  firstChildMs: undefined,
  isHeld: false,
};

/** Throws STORE_LAYOUT_NEWER, STORE_NETWORK_MISMATCH, STORE_DAMAGED. */
export async function loadLogState(db: Database, network: Network): Promise<LogState> {
  const [layout, owner, cut, cleared] = await db.getMany([
    logStateKey('layout'),
    logStateKey('network'),
    logStateKey('cut'),
    logStateKey('cleared'),
  ]);
  const isNew = layout === undefined;
  if (isNew) await giveBirth(db, network);
  else {
    refuseNewer(decodeNumber(layout), db.location);
    refuseForeign(owner, network, db.location);
  }
  return {
    isNew,
    cutSeq: cut === undefined ? 0 : decodeNumber(cut),
    clearedSeq: cleared === undefined ? 0 : decodeNumber(cleared),
    epochs: await readEpochs(db),
    entryPoints: await readEntryPoints(db),
    pins: await Pins.open(db),
  };
}

async function giveBirth(db: Database, network: Network): Promise<void> {
  await refuseStateless(db);
  const firstEpoch = { firstSeq: 1, logId: drawLogId(), lastSeqBefore: 0 };
  const batch = db.batch();
  batch.put(logStateKey('layout'), encodeNumber(layoutVersion));
  batch.put(logStateKey('network'), encodeNetwork(network));
  batch.put(logStateKey('cut'), encodeNumber(0));
  batch.put(entryPointKey(genesisId), encodeEntryPoint(newGenesis));
  batch.put(epochKey(firstEpoch.firstSeq), encodeEpoch(firstEpoch));
  await commit(batch, { sync: true });
  // A table of their own: in one with the first messages they would span all later ones (`needGenesis`).
  const { gte } = spaceRange(logSpaces.entryPoints);
  const { lt } = spaceRange(logSpaces.state);
  await db.compactRange(gte, lt);
}

async function refuseStateless(db: Database): Promise<void> {
  for await (const _ of pagesOf(db.keys(spaceRange(logSpaces.messages)), { first: 1, next: 1 })) {
    throw new TangleError(
      'STORE_DAMAGED',
      `The log in ${db.location} holds messages but has lost what it knows about itself. ` +
        'Run "midge db repair": it keeps all messages that can still be proven.',
    );
  }
}

/** Throws STORE_LAYOUT_NEWER. */
export function refuseNewer(found: number, location: string): void {
  if (found <= layoutVersion) return;
  throw new TangleError(
    'STORE_LAYOUT_NEWER',
    `The log in ${location} was written by a newer version of Midge (layout ${found}, this one ` +
      `knows ${layoutVersion}). Run the newer version, or choose another data folder.`,
    { details: { found, known: layoutVersion } },
  );
}

/** Throws STORE_NETWORK_MISMATCH. */
export function refuseForeign(owner: Buffer | undefined, network: Network, location: string): void {
  const found = owner === undefined ? { id: -1n, name: 'an unknown one' } : decodeNetwork(owner);
  if (found.id === network.id) return;
  throw new TangleError(
    'STORE_NETWORK_MISMATCH',
    `The log in ${location} belongs to the network ${JSON.stringify(found.name)}, but this node is ` +
      `set to ${JSON.stringify(network.name)}. Correct the network's name, or choose another data folder.`,
    { details: { found: found.name, wanted: network.name } },
  );
}

async function readEpochs(db: Database): Promise<Epoch[]> {
  const epochs: Epoch[] = [];
  for await (const page of pagesOf(db.iterator(spaceRange(logSpaces.epochs)), pageSizes)) {
    epochs.push(...page.map(([key, value]) => decodeEpoch(key, value)));
  }
  return epochs;
}

/** Some 150 bytes each. A cut leaves as many as the Tangle is wide, and one for each old parent that was named. */
async function readEntryPoints(db: Database): Promise<Map<string, EntryPoint>> {
  const points = new Map<string, EntryPoint>();
  for await (const page of pagesOf(db.iterator(spaceRange(logSpaces.entryPoints)), pageSizes)) {
    for (const [key, value] of page) points.set(idText(idOfKey(key)), decodeEntryPoint(value));
  }
  return points;
}

export function putEntryPoints(batch: Batch, changes: EntryPointChanges): void {
  for (const [key, point] of changes) {
    const at = entryPointKey(idOfText(key));
    if (point === undefined) batch.del(at);
    else batch.put(at, encodeEntryPoint(point));
  }
}
