// Looks at the sizes of LevelDB's tables before LevelDB does, which opens a database with a table that was cut off
// and notices it, if at all, when that is read.
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeManifest } from './manifest.ts';
import type { TableList } from './manifest.ts';
import { isWriteAheadName } from './write-ahead.ts';

/** The file name of the first table that is missing or has not the size that it was written with. */
export async function findCutTable(folder: string): Promise<string | undefined> {
  // What is wrong with these LevelDB tells itself.
  const list = await readList(folder, await currentName(folder));
  for (const [number, { sizeBytes }] of list?.tables ?? []) {
    const name = tableName(number);
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.size !== sizeBytes) return name;
  }
  return undefined;
}

/** More than one look: where another process has the database, its files change meanwhile. */
const looks = 3;

/**
 * What is wrong with the list of tables that LevelDB will go by, where it tells nothing itself: it deletes the tables
 * that the list does not have, and without `CURRENT` begins a new database (both measured).
 */
export async function findListLoss(folder: string): Promise<string | undefined> {
  let loss: string | undefined;
  for (let look = 0; look < looks; look++) {
    loss = await lookForListLoss(folder);
    if (loss === undefined) break;
  }
  return loss;
}

/** The write-ahead file that a list names is there until the next edit of the list is on the disk. */
async function lookForListLoss(folder: string): Promise<string | undefined> {
  const names = new Set(await readdir(folder).catch((): string[] => []));
  const tables = [...names].filter(isTableName);
  const isFilled = tables.length > 0 || [...names].some(isWriteAheadName);
  if (!names.has('CURRENT')) return isFilled ? 'the file CURRENT is missing' : undefined;
  const name = await currentName(folder);
  const list = await readList(folder, name);
  if (list === undefined || names.has(fileName(list.logNumber, 'log'))) return undefined;
  const listed = new Set([...list.tables.keys()].map(tableName));
  return tables.every((table) => listed.has(table)) ? undefined : `${name} has lost its end`;
}

export function isTableName(name: string): boolean {
  return /^\d+\.(ldb|sst)$/.test(name);
}

function fileName(number: number, kind: 'ldb' | 'log'): string {
  return `${String(number).padStart(6, '0')}.${kind}`;
}

export function tableName(number: number): string {
  return fileName(number, 'ldb');
}

/** LevelDB's list of the tables that count; when it is not known which list does, the newest. */
export async function findTableList(folder: string): Promise<TableList | undefined> {
  const names = (await readdir(folder)).filter((name) => /^MANIFEST-\d+$/.test(name));
  const newestFirst = names.toSorted((a, b) => numberOf(b) - numberOf(a));
  for (const name of [await currentName(folder), ...newestFirst]) {
    const list = await readList(folder, name);
    if (list !== undefined) return list;
  }
  return undefined;
}

function numberOf(manifestName: string): number {
  return Number(manifestName.slice(manifestName.indexOf('-') + 1));
}

async function currentName(folder: string): Promise<string> {
  const current = await readFile(join(folder, 'CURRENT'), 'utf8').catch(() => '');
  return current.trim();
}

/** Undefined when it is not to be understood. */
async function readList(folder: string, name: string): Promise<TableList | undefined> {
  if (!/^MANIFEST-\d+$/.test(name)) return undefined;
  const bytes = await readFile(join(folder, name)).catch(() => undefined);
  return bytes && decodeManifest(bytes);
}
