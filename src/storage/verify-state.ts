// What a verification knows before it walks: what the log says of itself, and how far the index is.
import { idText } from '../protocol/ids.ts';
import type { Database } from './database.ts';
import { lastSeqUnder } from './epochs.ts';
import type { Findings } from './findings.ts';
import {
  decodeEntryPoint,
  decodeEpoch,
  decodeNetwork,
  decodeNumber,
  decodePosition,
  idOfKey,
  indexLayoutVersion,
  layoutVersion,
  logSpaces,
  logStateKey,
  positionKey,
  spaceRange,
} from './layout.ts';
import type { Epoch, LogStateName, Network } from './layout.ts';
import { salvage, salvageOne } from './salvage.ts';
import type { SalvageReport } from './salvage.ts';
import { salvagedPins } from './salvage-pins.ts';
import type { SalvagedPins } from './salvage-pins.ts';
import type { EntryPoint } from './store.ts';

export interface VerifiedState {
  readonly logDb: Database;
  /** Undefined when there is none to look at. */
  readonly indexDb: Database | undefined;
  readonly network: Network;
  readonly findings: Findings;
  readonly cutSeq: number;
  readonly epochs: readonly Epoch[];
  readonly entryPoints: ReadonlyMap<string, EntryPoint>;
  /** What lies above it the index need not know. */
  readonly indexedUpToSeq: number;
  readonly pins: SalvagedPins;
}

type Opened = Pick<VerifiedState, 'logDb' | 'indexDb' | 'network' | 'findings'>;

/** What the log knows about itself, and how far the index is. */
export async function readVerifiedState(opened: Opened): Promise<VerifiedState> {
  const { logDb, findings } = opened;
  const report = { isUnreadable: false };
  const cutSeq = await readNames(opened, report);
  const epochs: Epoch[] = [];
  for await (const page of salvage(logDb, spaceRange(logSpaces.epochs), report)) {
    epochs.push(...page.map(([key, value]) => decodeEpoch(key, value)));
  }
  verifyEpochs(epochs, cutSeq, findings);
  const entryPoints = new Map<string, EntryPoint>();
  for await (const page of salvage(logDb, spaceRange(logSpaces.entryPoints), report)) {
    for (const [key, value] of page) entryPoints.set(idText(idOfKey(key)), decodeEntryPoint(value));
  }
  const pins = await salvagedPins(logDb, report);
  for (const key of pins.strangeKeys) findings.faults.add('pin-damaged', key.toString('hex'));
  noteUnreadable(report, findings);
  const index = await knownIndex(opened, epochs);
  return { ...opened, ...index, cutSeq, epochs, entryPoints, pins };
}

/** Returns the cut. */
async function readNames(
  { logDb, network, findings: { faults } }: Opened,
  report: SalvageReport,
): Promise<number> {
  const take = (name: LogStateName) => salvageOne(logDb, logStateKey(name), report);
  const [layout, owner, cut] = [await take('layout'), await take('network'), await take('cut')];
  if (layout === undefined) faults.add('state', 'layout unknown');
  else if (decodeNumber(layout) !== layoutVersion) faults.add('state', 'another layout');
  if (owner === undefined) faults.add('state', 'network unknown');
  else if (decodeNetwork(owner).id !== network.id) faults.add('state', 'another network');
  if (cut === undefined) faults.add('state', 'cut unknown');
  return cut === undefined ? 0 : decodeNumber(cut);
}

export function noteUnreadable({ isUnreadable }: SalvageReport, { faults }: Findings): void {
  if (isUnreadable && !faults.has('log-unreadable')) faults.add('log-unreadable');
}

function verifyEpochs(epochs: readonly Epoch[], cutSeq: number, { faults }: Findings): void {
  const [first] = epochs;
  if (first === undefined || first.firstSeq > cutSeq + 1)
    faults.add('epochs', 'the first is missing');
  const ids = new Set(epochs.map(({ logId }) => logId.toString('hex')));
  if (ids.size !== epochs.length) faults.add('epochs', 'two have the same log id');
  for (const [position, epoch] of epochs.entries()) {
    const before = epochs[position - 1];
    const isFine =
      epoch.lastSeqBefore < epoch.firstSeq && epoch.lastSeqBefore >= (before?.lastSeqBefore ?? 0);
    if (!isFine) faults.add('epochs', `the one from number ${epoch.firstSeq}`);
  }
}

/** One of another layout is as good as none: nothing of it can be compared. */
async function knownIndex(
  { indexDb, findings }: Opened,
  epochs: readonly Epoch[],
): Promise<Pick<VerifiedState, 'indexDb' | 'indexedUpToSeq'>> {
  const indexedUpToSeq = 0;
  if (indexDb === undefined) return { indexDb, indexedUpToSeq };
  const report = { isUnreadable: false };
  const value = await salvageOne(indexDb, positionKey, report);
  if (report.isUnreadable) findings.faults.add('index-unreadable');
  const position = value && decodePosition(value);
  const lastSeq = position && lastSeqUnder(epochs, position.logId);
  if (position === undefined || lastSeq === undefined) {
    findings.faults.add('index-position');
    return { indexDb, indexedUpToSeq };
  }
  if (position.layout !== indexLayoutVersion) {
    findings.notes.add('index-layout');
    return { indexDb: undefined, indexedUpToSeq };
  }
  if (position.indexedUpToSeq > lastSeq) findings.faults.add('index-position', 'knows too much');
  return { indexDb, indexedUpToSeq: position.indexedUpToSeq };
}

/** Values in the order of the keys; a key whose block cannot be read has none. */
export async function manyOr(
  db: Database,
  keys: readonly Buffer[],
  { indexDb, findings }: VerifiedState,
): Promise<readonly (Buffer | undefined)[]> {
  const report = { isUnreadable: false };
  const values = await db.getMany([...keys]).catch(async () => {
    const found: (Buffer | undefined)[] = [];
    for (const key of keys) found.push(await salvageOne(db, key, report));
    return found;
  });
  const kind = db === indexDb ? 'index-unreadable' : 'log-unreadable';
  if (report.isUnreadable && !findings.faults.has(kind)) findings.faults.add(kind);
  return values;
}
