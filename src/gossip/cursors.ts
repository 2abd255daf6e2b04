// How far this node has read the logs of its neighbours, in a small file.
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Store } from '../storage/store.ts';
import type { Cursor } from './sync-log.ts';

/** Neighbours that are remembered; the one read longest ago is forgotten first, which costs a second reading. */
const maxCursors = 256;

const cursorSchema = Type.Object({ logId: Type.String(), nextSeq: Type.Integer() });
const fileSchema = Type.Object({
  own: Type.Object({ logId: Type.String(), lastSeq: Type.Integer() }),
  cursors: Type.Array(Type.Tuple([Type.String(), cursorSchema])),
});

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
  #saving: Promise<void> = Promise.resolve();

  /** A file that cannot be read is as good as none. */
  static async open(file: CursorFile, ownLog: OwnLog): Promise<Cursors> {
    return new Cursors(file, ownLog, parse((await file.read()) ?? '', ownLog));
  }

  private constructor(file: CursorFile, ownLog: OwnLog, byPeer: Map<string, Cursor>) {
    this.#file = file;
    this.#ownLog = ownLog;
    this.#byPeer = byPeer;
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

  /** One write at a time, each of what is known when it begins. */
  save(): Promise<void> {
    const turn = this.#saving.then(() => this.#file.replace(this.#text()));
    this.#saving = turn.catch(() => undefined);
    return turn;
  }

  #text(): string {
    const { logId, lastSeq } = this.#ownLog;
    return `${JSON.stringify({ own: { logId, lastSeq }, cursors: [...this.#byPeer] })}\n`;
  }
}

/** Cursors of a log that lost its tail since, or is another one, say nothing about what is in this one. */
function parse(text: string, ownLog: OwnLog): Map<string, Cursor> {
  try {
    const { own, cursors } = Value.Parse(fileSchema, JSON.parse(text));
    const isOurs = own.logId === ownLog.logId && own.lastSeq <= ownLog.lastSeq;
    return new Map(isOurs ? cursors.slice(-maxCursors) : []);
  } catch {
    return new Map();
  }
}
