// How far this node has read the logs of its neighbours, in a small file.
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { InTurn } from '../in-turn.ts';
import type { Store } from '../storage/store.ts';
import type { Cursor } from './sync-log.ts';

/** Neighbours that are remembered; the one read longest ago is forgotten first, which costs a second reading. */
const maxCursors = 256;

const cursorSchema = Type.Object({ logId: Type.String(), nextSeq: Type.Integer() });
const fileSchema = Type.Object({
  own: Type.Object({ logId: Type.String(), lastSeq: Type.Integer() }),
  cursors: Type.Array(Type.Tuple([Type.String(), cursorSchema])),
  /** Neighbours whose boundary was taken over and whose log was not read to its end yet; when it last went on. */
  boundaries: Type.Optional(Type.Array(Type.Tuple([Type.String(), Type.Integer()]))),
  tipFloorSeq: Type.Optional(Type.Integer()),
});

interface Kept {
  readonly cursors: Map<string, Cursor>;
  readonly boundaries: Map<string, number>;
  readonly tipFloorSeq: number;
}

/** What a cursor stands for: everything before it is in this log. */
export type OwnLog = Pick<Store, 'logId' | 'lastSeq'>;

export interface CursorFile {
  /** Undefined when there is none yet. */
  read(): Promise<string | undefined>;
  /** All or nothing. */
  replace(text: string): Promise<void>;
}

export class Cursors {
  readonly #file: CursorFile;
  readonly #ownLog: OwnLog;
  readonly #byPeer: Map<string, Cursor>;
  readonly #boundaries: Map<string, number>;
  /** The end of our own log when a boundary was taken over last: what stands before hangs together with nothing new. */
  tipFloorSeq: number;
  readonly #saves = new InTurn();

  /** A file that cannot be read is as good as none. */
  static async open(file: CursorFile, ownLog: OwnLog): Promise<Cursors> {
    return new Cursors(file, ownLog, parse((await file.read()) ?? '', ownLog));
  }

  private constructor(
    file: CursorFile,
    ownLog: OwnLog,
    { cursors, boundaries, tipFloorSeq }: Kept,
  ) {
    this.#file = file;
    this.#ownLog = ownLog;
    this.#byPeer = cursors;
    this.#boundaries = boundaries;
    this.tipFloorSeq = tipFloorSeq;
  }

  get(peerId: string): Cursor | undefined {
    return this.#byPeer.get(peerId);
  }

  set(peerId: string, cursor: Cursor): void {
    this.#byPeer.delete(peerId);
    this.#byPeer.set(peerId, cursor);
    const [oldest] = this.#byPeer.keys();
    if (oldest !== undefined && this.#byPeer.size > maxCursors) this.#byPeer.delete(oldest);
  }

  forget(peerId: string): void {
    this.#byPeer.delete(peerId);
  }

  /** The boundary of that neighbour's log was taken over, and its log is not read to its end yet. */
  openBoundary(peerId: string, nowMs: number): void {
    this.#boundaries.set(peerId, nowMs);
  }

  touchBoundary(peerId: string, nowMs: number): void {
    if (this.#boundaries.has(peerId)) this.#boundaries.set(peerId, nowMs);
  }

  isBoundaryOpen(peerId: string): boolean {
    return this.#boundaries.has(peerId);
  }

  /** Whether it was open. */
  closeBoundary(peerId: string): boolean {
    return this.#boundaries.delete(peerId);
  }

  /** Whether one is open whose log went on being read since then. */
  hasBoundarySince(sinceMs: number): boolean {
    return [...this.#boundaries.values()].some((atMs) => atMs >= sinceMs);
  }

  /** One write at a time, each of what is known when it begins. */
  save(): Promise<void> {
    return this.#saves.run(() => this.#file.replace(this.#text()));
  }

  #text(): string {
    const { logId, lastSeq } = this.#ownLog;
    const { tipFloorSeq } = this;
    const [cursors, boundaries] = [[...this.#byPeer], [...this.#boundaries]];
    return `${JSON.stringify({ own: { logId, lastSeq }, tipFloorSeq, cursors, boundaries })}\n`;
  }
}

/** Cursors of a log that lost its tail since, or is another one, say nothing about what is in this one. */
function parse(text: string, ownLog: OwnLog): Kept {
  try {
    const file = Value.Parse(fileSchema, JSON.parse(text));
    if (file.own.logId === ownLog.logId && file.own.lastSeq <= ownLog.lastSeq) {
      return {
        cursors: new Map(file.cursors.slice(-maxCursors)),
        boundaries: new Map(file.boundaries),
        tipFloorSeq: file.tipFloorSeq ?? 0,
      };
    }
  } catch {
    // As good as none.
  }
  return { cursors: new Map(), boundaries: new Map(), tipFloorSeq: 0 };
}
