// What of a damaged log can be read and proven, and a list of what cannot.
import { decodeMessage } from '../protocol/codec.ts';
import { genesisId, idText } from '../protocol/ids.ts';
import type { Database } from './database.ts';
import { isSuccessor } from './epochs.ts';
import {
  decodeEntryPoint,
  decodeEpoch,
  decodeNumber,
  decodePosition,
  idOfKey,
  logSpaces,
  logStateKey,
  messageRange,
  positionKey,
  seqOfKey,
  spaceRange,
} from './layout.ts';
import type { Epoch, LogStateName, Network } from './layout.ts';
import { newGenesis, refuseForeign, refuseNewer } from './log-state.ts';
import type { Rebuild } from './rebuild.ts';
import { decodeRecord, decodeUnchecked, hasProvenBytes } from './record-layout.ts';
import { salvage, salvageOne } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import { salvageKept, salvagedPins } from './salvage-pins.ts';
import type { SalvagedPins } from './salvage-pins.ts';
import { seenCutSeq } from './seen-cut.ts';
import { SeqRanges } from './seq-ranges.ts';
import type { EntryPoint, StoredMessage } from './store.ts';

const messageKeyBytes = 9;

export interface SalvagedState extends SalvageReport {
  readonly cutSeq: number;
  /** Up to there nothing is missed: it was pruned. */
  readonly prunedSeq: number;
  readonly epochs: readonly Epoch[];
  readonly entryPoints: Map<string, EntryPoint>;
  readonly pins: SalvagedPins;
  /** What of it was lost and set as well as can be. */
  readonly mended: readonly string[];
}

export interface LogLosses {
  /** Messages whose bytes are not those that their id names. */
  readonly damaged: SeqRanges;
  /** Numbers without a message. */
  readonly missing: SeqRanges;
  /** Messages that are whole, but whose flags and arrival time were lost. */
  readonly mended: SeqRanges;
  /** How many messages that were pinned and kept below the cut are lost. */
  readonly lostPins: number;
  /** What the log no longer knew about itself. */
  readonly state: readonly string[];
  /** LevelDB could not read some of the files. */
  readonly isUnreadable: boolean;
  /** No number up to here is given again. */
  readonly seenSeq: number;
}

interface StateSource {
  readonly network: Network;
  readonly indexDb: Database | undefined;
  /** It may have lost newer words than those that it has. */
  readonly isIncomplete: boolean;
}

/** Throws STORE_LAYOUT_NEWER, STORE_NETWORK_MISMATCH. */
export async function salvagedState(
  db: Database,
  { network, indexDb, isIncomplete }: StateSource,
): Promise<SalvagedState> {
  const report = { isUnreadable: false };
  const mended: string[] = [];
  const take = async (name: LogStateName): Promise<Buffer | undefined> => {
    const value = await salvageOne(db, logStateKey(name), report);
    if (value === undefined) mended.push(name);
    return value;
  };
  const layout = await take('layout');
  if (layout !== undefined) refuseNewer(decodeNumber(layout), db.location);
  const owner = await take('network');
  if (owner !== undefined) refuseForeign(owner, network, db.location);
  const cut = await take('cut');
  const epochs = await salvagedEpochs(db, report);
  if (epochs.length === 0) mended.push('epochs');
  const seenSeq = isIncomplete ? await seenCutSeq(db, { epochs, indexDb, report }) : 0;
  const cuts = await cutsOf(db, { cut, seenSeq, report });
  if (cuts.isOutdated) mended.push('cut');
  const entryPoints = await salvagedPoints(db, report);
  if (cuts.cutSeq === 0 && !entryPoints.has(idText(genesisId))) {
    entryPoints.set(idText(genesisId), newGenesis);
    mended.push('genesis');
  }
  const pins = await salvagedPins(db, report);
  if (pins.strangeKeys.length > 0) mended.push('pins');
  return { ...report, ...cuts, epochs, entryPoints, pins, mended };
}

interface CutWords {
  readonly cut: Buffer | undefined;
  readonly seenSeq: number;
  readonly report: SalvageReport;
}

async function cutsOf(db: Database, { cut, seenSeq, report }: CutWords) {
  if (cut === undefined) {
    const cutSeq = Math.max(seenSeq, await seqBeforeFirst(db, report));
    return { cutSeq, prunedSeq: seenSeq, isOutdated: false };
  }
  const toldSeq = decodeNumber(cut);
  const cutSeq = Math.max(toldSeq, seenSeq);
  return { cutSeq, prunedSeq: cutSeq, isOutdated: toldSeq < seenSeq };
}

async function salvagedEpochs(db: Database, report: SalvageReport): Promise<Epoch[]> {
  const epochs: Epoch[] = [];
  for await (const page of salvage(db, spaceRange(logSpaces.epochs), report)) {
    epochs.push(...page.map(([key, value]) => decodeEpoch(key, value)));
  }
  return epochs;
}

async function salvagedPoints(
  db: Database,
  report: SalvageReport,
): Promise<Map<string, EntryPoint>> {
  const points = new Map<string, EntryPoint>();
  for await (const page of salvage(db, spaceRange(logSpaces.entryPoints), report)) {
    for (const [key, value] of page) points.set(idText(idOfKey(key)), decodeEntryPoint(value));
  }
  return points;
}

async function seqBeforeFirst(db: Database, report: SalvageReport): Promise<number> {
  for await (const [first] of salvage(db, spaceRange(logSpaces.messages), report)) {
    if (first !== undefined) return Math.max(0, seqOfKey(first[0]) - 1);
  }
  return 0;
}

interface SalvageLogDeps {
  readonly state: SalvagedState;
  readonly rebuild: Rebuild;
  readonly onProgress: (done: number, total: number) => void;
}

/** Hands all that is proven to the rebuild. */
export async function salvageLog(
  logDb: Database,
  indexDb: Database | undefined,
  { state, rebuild, onProgress }: SalvageLogDeps,
): Promise<LogLosses> {
  const report: SalvageReport = { isUnreadable: state.isUnreadable };
  const walker = new LogWalker(state);
  const indexedSeq = indexDb === undefined ? 0 : await indexedUpTo(indexDb);
  const kept = await salvageKept(logDb, { pins: state.pins, rebuild, report });
  for await (const page of salvage(logDb, messageRange(state.cutSeq + 1, Infinity), report)) {
    await rebuild.add(page.flatMap(([key, value]) => walker.next(key, value) ?? []));
    onProgress(walker.lastSeq - state.cutSeq, Math.max(indexedSeq, walker.lastSeq) - state.cutSeq);
  }
  walker.missing.add(walker.lastSeq + 1, indexedSeq);
  return {
    damaged: walker.damaged,
    missing: walker.missing,
    mended: walker.mended,
    lostPins: kept.lostPins,
    state: kept.isMiscounted ? [...state.mended, 'pins'] : state.mended,
    isUnreadable: report.isUnreadable,
    seenSeq: Math.max(indexedSeq, walker.lastSeq, (state.epochs.at(-1)?.firstSeq ?? 1) - 1),
  };
}

async function indexedUpTo(indexDb: Database): Promise<number> {
  const position = await salvageOne(indexDb, positionKey, { isUnreadable: false });
  return position === undefined ? 0 : decodePosition(position).indexedUpToSeq;
}

class LogWalker {
  readonly #state: SalvagedState;
  readonly damaged = new SeqRanges();
  readonly missing = new SeqRanges();
  readonly mended = new SeqRanges();
  lastSeq: number;
  #lastArrivalMs = 0;

  constructor(state: SalvagedState) {
    this.#state = state;
    this.lastSeq = state.cutSeq;
    // Nobody knows any more whether these were pruned.
    this.missing.add(state.prunedSeq + 1, state.cutSeq);
  }

  next(key: Buffer, value: Buffer): StoredMessage | undefined {
    if (key.length !== messageKeyBytes) return undefined;
    const seq = seqOfKey(key);
    if (this.#wasTakenOut(seq)) return undefined;
    if (!isSuccessor(this.#state.epochs, seq, this.lastSeq)) {
      this.missing.add(this.lastSeq + 1, seq - 1);
    }
    this.lastSeq = seq;
    const record = decodeRecord(seq, value) ?? this.#mend(seq, value);
    if (record !== undefined && hasProvenBytes(record) && isMessage(record.bytes)) {
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, record.arrivalMs);
      return record;
    }
    this.damaged.add(seq);
    return undefined;
  }

  /** Where an epoch begins, what lay above the last message before it was removed: it went through the door again. */
  #wasTakenOut(seq: number): boolean {
    return this.#state.epochs.some(
      ({ firstSeq, lastSeqBefore }) => seq > lastSeqBefore && seq < firstSeq,
    );
  }

  /** Lazy, because a message that is lazy can do no harm; as old as the one before it. */
  #mend(seq: number, value: Buffer): StoredMessage | undefined {
    const record = decodeUnchecked(seq, value);
    if (record === undefined || !hasProvenBytes(record)) return undefined;
    this.mended.add(seq);
    return { ...record, isLazy: true, arrivalMs: this.#lastArrivalMs };
  }
}

function isMessage(bytes: Uint8Array): boolean {
  try {
    decodeMessage(bytes);
    return true;
  } catch {
    return false;
  }
}
