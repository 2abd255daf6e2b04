// tokens.json in the data folder: which tokens there are, and never the tokens themselves. The file is the truth: a
// command may change it while the node runs.
import { statSync } from 'node:fs';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Check } from 'typebox/schema';
import { TangleError } from '../errors.ts';
import { readIfThere, replaceFile } from '../files.ts';
import { InTurn } from '../in-turn.ts';
import { scopes } from './scopes.ts';

export const recordSchema = Type.Object({
  id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  scopes: Type.Array(Type.Enum(scopes), { minItems: 1, maxItems: scopes.length }),
  createdAtMs: Type.Integer(),
  expiresAtMs: Type.Integer(),
});

export type TokenRecord = Readonly<Static<typeof recordSchema>>;

type Edit = (records: readonly TokenRecord[]) => readonly TokenRecord[];

const fileSchema = Type.Object({ tokens: Type.Array(recordSchema) });

export class TokenRecords {
  readonly #path: string;
  #records: ReadonlyMap<string, TokenRecord> = new Map();
  #stamp: string | undefined;
  /** Until the turn of the event loop ends. */
  #isSeen = false;
  readonly #changes = new InTurn();

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws TOKEN_FILE_INVALID. */
  async all(): Promise<readonly TokenRecord[]> {
    return [...(await this.#read()).values()];
  }

  /**
   * At once as long as the file is as it was. For a record that is known it is looked at once in each turn of the event
   * loop: under load, 6 us of each request were spent on it. Throws TOKEN_FILE_INVALID.
   */
  find(id: string): TokenRecord | undefined | Promise<TokenRecord | undefined> {
    const known = this.#records.get(id);
    if (this.#isSeen && known !== undefined) return known;
    if (stampOf(this.#path) !== this.#stamp) {
      return this.#read().then((records) => records.get(id));
    }
    this.#seeUntilTurn();
    return known;
  }

  #seeUntilTurn(): void {
    if (this.#isSeen) return;
    this.#isSeen = true;
    setImmediate(() => {
      this.#isSeen = false;
    });
  }

  /** One change after the other, each from what the file holds then. */
  change(edit: Edit): Promise<void> {
    return this.#changes.run(() => this.#change(edit));
  }

  async #read(): Promise<ReadonlyMap<string, TokenRecord>> {
    const stamp = stampOf(this.#path);
    if (stamp !== this.#stamp) {
      const records = await readRecords(this.#path);
      this.#records = new Map(records.map((record) => [record.id, record]));
      this.#stamp = stamp;
    }
    return this.#records;
  }

  async #change(edit: Edit): Promise<void> {
    const tokens = edit(await this.all());
    await replaceFile(this.#path, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
    this.#isSeen = false;
  }
}

/** Differs when the file was replaced. Synchronous: a few us, where a promise for it costs some ten times as much. */
function stampOf(path: string): string | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found && [found.ino, found.mtimeNs, found.size].join(' ');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): TangleError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new TangleError(
    'TOKEN_FILE_INVALID',
    `${path} cannot be read (${code}); let this user read it, or remove it, which revokes all tokens.`,
    { cause },
  );
}

async function readRecords(path: string): Promise<readonly TokenRecord[]> {
  const content = await readIfThere(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (content === undefined) return [];
  const file = parsed(content.toString('utf8'));
  if (Check(fileSchema, file)) return file.tokens;
  throw new TangleError(
    'TOKEN_FILE_INVALID',
    `${path} is no list of tokens; restore it from a copy, or remove it, which revokes all tokens.`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
