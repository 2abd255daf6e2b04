// Looks at every invariant of a store and changes nothing: the log by itself, the index by the log, and what
// the index has too much. Streams; what it holds in memory does not grow with the store.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import {
  indexBufferBytes,
  isCorruption,
  isLocked,
  logBufferBytes,
  openDatabase,
} from './database.ts';
import type { Database } from './database.ts';
import { Findings } from './findings.ts';
import type { FaultKind, Finding, NoteKind } from './findings.ts';
import { checkInstalled } from './install.ts';
import type { Network } from './layout.ts';
import { lockedBy } from './lock.ts';
import { findCutTable } from './tables.ts';
import { verifyIndex } from './verify-index.ts';
import { verifyLog } from './verify-log.ts';
import { verifyPins } from './verify-pins.ts';
import { readVerifiedState } from './verify-state.ts';
import { lookForHoles } from './write-ahead.ts';

export interface VerifyOptions {
  readonly dataDir: string;
  readonly network: Network;
  readonly cacheBytes: number;
  readonly onProgress: (what: 'log' | 'index', done: number, total: number) => void;
}

export interface VerifyReport {
  readonly messageCount: number;
  readonly cutSeq: number;
  readonly lastSeq: number;
  readonly faults: readonly Finding<FaultKind>[];
  readonly notes: readonly Finding<NoteKind>[];
}

/** Of a store that nobody has open. Throws STORE_LOCKED, STORE_OPEN_FAILED. */
export async function verifyStore(options: VerifyOptions): Promise<VerifyReport> {
  const { dataDir, network, cacheBytes, onProgress } = options;
  await checkInstalled(dataDir);
  if (!existsSync(join(dataDir, 'log'))) {
    throw new TangleError('STORE_OPEN_FAILED', `There is no data folder at ${dataDir}.`);
  }
  const findings = new Findings();
  await using opened = new AsyncDisposableStack();
  // LevelDB opens the files as a start would; the note lets the next start look as this one would have.
  const holes = await lookForHoles(dataDir);
  await noteCutTable(join(dataDir, 'log'), 'log-table', findings);
  const logDb = await openOne(join(dataDir, 'log'), cacheBytes / 4, logBufferBytes).catch(
    async (error: unknown) => {
      if (!isLocked(error)) throw error;
      await holes.withdraw();
      throw await lockedBy(dataDir, error);
    },
  );
  if (holes.areSuspected) findings.notes.add('write-ahead-holes');
  if (logDb === undefined) {
    findings.faults.add('log-unreadable', 'LevelDB cannot open it');
    return { messageCount: 0, cutSeq: 0, lastSeq: 0, ...listsOf(findings) };
  }
  opened.use(logDb);
  const indexDb = await openIndex(dataDir, cacheBytes, findings);
  if (indexDb !== undefined) opened.use(indexDb);
  const state = await readVerifiedState({ logDb, indexDb, network, findings });
  const verified = await verifyLog(state, (done, total) => onProgress('log', done, total));
  await verifyPins(state, verified.expected);
  await verifyIndex(state, verified, (done, total) => onProgress('index', done, total));
  const { messageCount, lastSeq } = verified;
  return { messageCount, lastSeq, cutSeq: state.cutSeq, ...listsOf(findings) };
}

function listsOf({ faults, notes }: Findings): Pick<VerifyReport, 'faults' | 'notes'> {
  return { faults: faults.list(), notes: notes.list() };
}

/** Before LevelDB opens it, and compacts tables away between its list and the look at them. */
async function noteCutTable(
  folder: string,
  kind: 'log-table' | 'index-table',
  findings: Findings,
): Promise<void> {
  const name = await findCutTable(folder);
  if (name !== undefined) findings.faults.add(kind, name);
}

/** Undefined when LevelDB cannot. */
async function openOne(
  location: string,
  cacheBytes: number,
  writeBufferBytes: number,
): Promise<Database | undefined> {
  try {
    return await openDatabase(location, { cacheBytes, writeBufferBytes });
  } catch (error) {
    if (isLocked(error) || !isCorruption(error)) throw error;
    return undefined;
  }
}

async function openIndex(
  dataDir: string,
  cacheBytes: number,
  findings: Findings,
): Promise<Database | undefined> {
  const location = join(dataDir, 'index');
  if (!existsSync(location)) {
    findings.faults.add('index-unreadable', 'there is none');
    return undefined;
  }
  await noteCutTable(location, 'index-table', findings);
  const db = await openOne(location, cacheBytes / 2, indexBufferBytes);
  if (db === undefined) findings.faults.add('index-unreadable', 'LevelDB cannot open it');
  return db;
}
