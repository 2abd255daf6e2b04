// What was pruned leaves the index piece by piece, long after the cut. Until then its entries point below the cut,
// where nobody believes them. So a cut deletes no keys that lie at random, and what a crash brought back goes too.
import { commit, pagesOf } from './database.ts';
import type { Database } from './database.ts';
import {
  decodeNumber,
  decodeSwept,
  encodeSwept,
  familyRange,
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
const pieces = idPieces + 2;
/** How much of what was pruned lies in each: half in the ids, half in the indexation keys; few children. */
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
}

export class Sweep {
  readonly #db: Database;
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

  /** Begins with the piece that was not swept for longest. */
  async next(cutSeq: number): Promise<SweepJob> {
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
   * Removes what is gone of the next entries after a key. Between two appends, because a message that was pruned
   * may come again. Returns where to go on, undefined at the end.
   */
  async page(job: SweepJob, after: Buffer | undefined, gone: Gone): Promise<Buffer | undefined> {
    const { gte, lt } = rangeOf(job);
    const range = after === undefined ? { gte, lt } : { gt: after, lt };
    const walk = this.#db.iterator({ ...range, limit: entriesPerPage, highWaterMarkBytes });
    const seqsOf = seqsIn(job.firstPiece);
    const batch = this.#db.batch();
    let count = 0;
    let lastKey: Buffer | undefined;
    for await (const page of pagesOf(walk, pageSizes)) {
      const seqs = page.map(([key, value]) => seqsOf(key, value));
      const isCut = (seq: number): boolean => seq > 0 && seq <= gone.cutSeq;
      const kept = await gone.keptOf?.(seqs.flat().filter(isCut));
      for (const [position, [key]] of page.entries()) {
        if (seqs[position]?.some((seq) => isCut(seq) && kept?.has(seq) !== true) === true)
          batch.del(key);
      }
      count += page.length;
      lastKey = page.at(-1)?.[0];
    }
    if (batch.length > 0) await commit(batch, { sync: false });
    else await batch.close();
    return count < entriesPerPage ? undefined : lastKey;
  }

  /** Notes that the job is done. Losing the note costs another sweep. */
  async note({ firstPiece, lastPiece, cutSeq }: SweepJob): Promise<void> {
    this.#sweptSeqs = this.#sweptSeqs.map((seq, piece) =>
      piece >= firstPiece && piece <= lastPiece ? cutSeq : seq,
    );
    const batch = this.#db.batch();
    batch.put(sweptKey, encodeSwept(this.#sweptSeqs));
    await commit(batch, { sync: false });
  }

  /** Takes what was removed off the disk. */
  async compact(job: SweepJob): Promise<void> {
    const { gte, lt } = rangeOf(job);
    await this.#db.compactRange(gte, lt);
  }

  /** What of pruned messages is still in tables, as far as LevelDB can tell and if messages were much alike. */
  async staleBytes(cutSeq: number, messageCount: number): Promise<number> {
    let sum = 0;
    for (const [piece, sweptSeq] of this.#sweptSeqs.entries()) {
      const staleCount = Math.max(0, cutSeq - sweptSeq);
      if (staleCount === 0) continue;
      const { gte, lt } = rangeOf({ firstPiece: piece, lastPiece: piece, cutSeq });
      const sizeBytes = await this.#db.approximateSize(gte, lt);
      const liveCount = piece === childrenPiece ? 0 : messageCount;
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
  if (firstPiece === indexationPiece) return spaceRange(indexSpaces.indexation);
  const { gte } = idPieceRange(firstPiece, idPieces);
  return { gte, lt: idPieceRange(lastPiece, idPieces).lt };
}

/** The messages that an entry is about. */
function seqsIn(piece: number): (key: Buffer, value: Buffer) => number[] {
  if (piece === indexationPiece) return (key) => [seqOfKey(key)];
  if (piece === childrenPiece) return (key) => [parentOfChildKey(key), seqOfKey(key)];
  return (_, value) => [decodeNumber(value)];
}
