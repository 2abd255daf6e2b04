// What was pruned leaves the index piece by piece, long after the cut. Until then its entries point below the cut,
// where nobody believes them. So a cut deletes no keys that lie at random, and what a crash brought back goes too.
import type { MessageId } from '../protocol/ids.ts';
import { idText } from '../protocol/ids.ts';
import { compactSeqs } from './compact-range.ts';
import { commit, keysIn, pagesOf } from './database.ts';
import type { Database, KeyWalk } from './database.ts';
import { farRange } from './far-layout.ts';
import {
  decodeNumber,
  decodeSwept,
  encodeSwept,
  familyRange,
  idKey,
  idPieceRange,
  indexSpaces,
  parentOfChildKey,
  seqOfKey,
  spaceRange,
  sweptKey,
} from './layout.ts';
import type { KeyRange } from './layout.ts';

const idPieces = 16;
/**
 * Pieces of the ids are swept together up to that size: whatever it is of, a compaction merges what LevelDB wrote
 * last, which lies all over the index.
 */
const maxJobBytes = 32 * 1024 * 1024;
const childrenPiece = idPieces;
const indexationPiece = idPieces + 1;
const farPiece = idPieces + 2;
const pieces = idPieces + 3;
/** How much of what was pruned lies in each: half in the ids, half in the indexation keys; few children, fewer far ones. */
const weights = Array.from({ length: pieces }, (_, piece) =>
  piece < idPieces ? 1 / (2 * idPieces) : piece === indexationPiece ? 1 / 2 : 0,
);
/** Measured: about 4 ms in which no append can run. */
const entriesPerPage = 2_000;
const pageSizes = { first: entriesPerPage, next: entriesPerPage };
/** More than a page has. */
const highWaterMarkBytes = 512 * 1024;

/** Whether nothing is left of the messages with those numbers. */
export interface Gone {
  readonly cutSeq: number;
  /** Of these, what can be read though it was cut. Absent while that is nothing. */
  readonly keptOf?: (seqs: readonly number[]) => Promise<ReadonlySet<number>>;
}

/** These pieces, which are neighbours, are to be rid of what was pruned up to there. */
export interface SweepJob {
  readonly firstPiece: number;
  readonly lastPiece: number;
  readonly cutSeq: number;
  /** Where what was done before ended. */
  readonly after?: Buffer;
}

/** Entries as they were when they were read. */
export interface SweepPage {
  readonly entries: readonly Entry[];
  /** Where to go on; undefined at the end. */
  readonly lastKey: Buffer | undefined;
  /** Texts of the keys of ids that were appended since. */
  readonly cameAgain: ReadonlySet<string>;
}

/** Pages behind one another, from the key `after` to `lastKey`. */
export interface SweptStretch {
  readonly after: Buffer | undefined;
  readonly lastKey: Buffer | undefined;
}

interface Entry {
  readonly key: Buffer;
  /** The messages that it is about. */
  readonly seqs: readonly number[];
}

export class Sweep {
  readonly #db: Database;
  /** What a job has left to do. */
  #rest: SweepJob | undefined;
  /** While a page is out. */
  #cameAgain: Set<string> | undefined;
  /** For each piece: up to where it has nothing of what was pruned. */
  #sweptSeqs: readonly number[];

  private constructor(db: Database, sweptSeqs: readonly number[]) {
    this.#db = db;
    this.#sweptSeqs = sweptSeqs;
  }

  static async open(db: Database): Promise<Sweep> {
    const value = await db.get(sweptKey);
    const known = value === undefined ? [] : decodeSwept(value);
    return new Sweep(
      db,
      Array.from({ length: pieces }, (_, piece) => known[piece] ?? 0),
    );
  }

  /** The index is new: of what was pruned before it has nothing. */
  async begin(cutSeq: number): Promise<void> {
    await this.note({ firstPiece: 0, lastPiece: pieces - 1, cutSeq });
  }

  /** How many pruned messages still have their entries, as an average over the pieces. */
  staleCount(cutSeq: number): number {
    const counts = this.#sweptSeqs.map((seq, piece) => (cutSeq - seq) * (weights[piece] ?? 0));
    return Math.max(
      0,
      counts.reduce((sum, count) => sum + count),
    );
  }

  /** What is left of the one before, else the piece that was not swept for longest. */
  async next(cutSeq: number): Promise<SweepJob> {
    if (this.#rest !== undefined) return this.#rest;
    const firstPiece = this.#sweptSeqs.indexOf(Math.min(...this.#sweptSeqs));
    let job = { firstPiece, lastPiece: firstPiece, cutSeq };
    while (job.lastPiece + 1 < idPieces) {
      const longer = { ...job, lastPiece: job.lastPiece + 1 };
      const { gte, lt } = rangeOf(longer);
      if ((await this.#db.approximateSize(gte, lt)) > maxJobBytes) break;
      job = longer;
    }
    return job;
  }

  /**
   * Reads the next entries after a key. To be begun between two appends, so that `see` is told of all that comes after
   * its state of the index; appends may go on while it reads. Of one sweep at a time.
   */
  async readPage(job: SweepJob, after: Buffer | undefined): Promise<SweepPage> {
    const cameAgain = new Set<string>();
    this.#cameAgain = cameAgain;
    const { gte, lt } = rangeOf(job);
    const range = after === undefined ? { gte, lt } : { gt: after, lt };
    const entries = await this.#read(job, { ...range, limit: entriesPerPage, highWaterMarkBytes });
    const lastKey = entries.length < entriesPerPage ? undefined : entries.at(-1)?.key;
    return { entries, lastKey, cameAgain };
  }

  /** An id that is being appended: one that was pruned has a new place now, under the key of the old one. */
  see(id: MessageId): void {
    this.#cameAgain?.add(idText(idKey(id)));
  }

  /** No page will be removed from. */
  endReading(): void {
    this.#cameAgain = undefined;
  }

  /** Removes what is gone, between two appends. */
  async removeFrom({ entries, cameAgain }: SweepPage, gone: Gone): Promise<void> {
    const isCut = (seq: number): boolean => seq > 0 && seq <= gone.cutSeq;
    const kept = await gone.keptOf?.(entries.flatMap(({ seqs }) => seqs.filter(isCut)));
    const batch = this.#db.batch();
    for (const { key, seqs } of entries) {
      const isGone = seqs.some((seq) => isCut(seq) && kept?.has(seq) !== true);
      if (isGone && !(cameAgain.size > 0 && cameAgain.has(idText(key)))) batch.del(key);
    }
    if (batch.length > 0) await commit(batch, { sync: false });
    else await batch.close();
  }

  async #read({ firstPiece }: SweepJob, range: KeyWalk): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    if (firstPiece < idPieces) {
      for await (const page of pagesOf(this.#db.iterator(range), pageSizes)) {
        for (const [key, value] of page) entries.push({ key, seqs: [decodeNumber(value)] });
      }
      return entries;
    }
    for await (const page of pagesOf(keysIn(this.#db, range), pageSizes)) {
      for (const key of page) entries.push({ key, seqs: seqsOfKey(firstPiece, key) });
    }
    return entries;
  }

  /** Notes that the job is done. Losing the note costs another sweep. */
  async note({ firstPiece, lastPiece, cutSeq }: Omit<SweepJob, 'after'>): Promise<void> {
    this.#rest = undefined;
    this.#sweptSeqs = this.#sweptSeqs.map((seq, piece) =>
      piece >= firstPiece && piece <= lastPiece ? cutSeq : seq,
    );
    const batch = this.#db.batch();
    batch.put(sweptKey, encodeSwept(this.#sweptSeqs));
    await commit(batch, { sync: false });
  }

  /** The next job goes on there; one after a start begins anew. */
  leaveAt(job: SweepJob, after: Buffer): void {
    this.#rest = { ...job, after };
  }

  /** Takes what the cut itself removed off the disk. */
  compactFirst({ cutSeq }: SweepJob, stop: AbortSignal): Promise<void> {
    return compactSeqs({ db: this.#db, stop }, familyRange, cutSeq);
  }

  /** The same of a stretch that was swept. LevelDB cannot be stopped while it is at it. */
  async compact(job: SweepJob, { after, lastKey }: SweptStretch): Promise<void> {
    const { gte, lt } = rangeOf(job);
    await this.#db.compactRange(after ?? gte, lastKey ?? lt);
  }

  /** What of pruned messages is still in tables, as far as LevelDB can tell and if messages were much alike. */
  async staleBytes(cutSeq: number, messageCount: number): Promise<number> {
    let sum = 0;
    for (const [piece, sweptSeq] of this.#sweptSeqs.entries()) {
      const staleCount = Math.max(0, cutSeq - sweptSeq);
      if (staleCount === 0) continue;
      const { gte, lt } = rangeOf({ firstPiece: piece, lastPiece: piece, cutSeq });
      const sizeBytes = await this.#db.approximateSize(gte, lt);
      const liveCount = piece === childrenPiece || piece === farPiece ? 0 : messageCount;
      sum += (sizeBytes * staleCount) / (staleCount + liveCount);
    }
    return Math.round(sum);
  }
}

/** The cut removed most children itself: LevelDB steps over all of them until they are compacted. */
export function isCompactedFirst({ firstPiece }: SweepJob): boolean {
  return firstPiece === childrenPiece;
}

function rangeOf({ firstPiece, lastPiece, cutSeq }: SweepJob): KeyRange {
  if (firstPiece === childrenPiece) return familyRange(0, cutSeq);
  if (firstPiece === farPiece) return farRange(0, cutSeq);
  if (firstPiece === indexationPiece) return spaceRange(indexSpaces.indexation);
  const { gte } = idPieceRange(firstPiece, idPieces);
  return { gte, lt: idPieceRange(lastPiece, idPieces).lt };
}

function seqsOfKey(piece: number, key: Buffer): number[] {
  return piece === indexationPiece ? [seqOfKey(key)] : [parentOfChildKey(key), seqOfKey(key)];
}
