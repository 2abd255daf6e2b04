// A database beside one that is damaged, of the same files: tables that are whole are linked, of the others the whole
// blocks are taken. The damaged one stays as it is.
import { copyFile, link, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../files.ts';
import { encodeManifest } from './manifest.ts';
import type { ListedTable, TableList } from './manifest.ts';
import { examineTable } from './table-file.ts';
import type { Stretch } from './table-file.ts';
import { mendTable } from './table-mend.ts';
import { findTableList, isTableName, tableName } from './tables.ts';
import { isWriteAheadName } from './write-ahead.ts';

/** A table that is not as it was written. */
export interface DamagedTable {
  readonly path: string;
  /** What LevelDB cannot read of it any more. */
  readonly lost: readonly Stretch[];
}

export interface MendedFolder {
  readonly damaged: readonly DamagedTable[];
  /** All tables that were written are there and whole. */
  readonly isWhole: boolean;
  /** There is a list of the tables; else LevelDB has to make one. */
  readonly isListed: boolean;
}

interface Source {
  readonly location: string;
  readonly target: string;
  /** LevelDB has it open: what was in its write-ahead files is in tables, and tables may go. */
  readonly isOpen: boolean;
}

/** LevelDB takes tables away when it has merged them, some at a time. */
const maxAttempts = 100;
/** LevelDB passes over files with such names. */
const keptSuffix = '.was';

export async function makeMendedFolder(source: Source): Promise<MendedFolder> {
  const { target } = source;
  const { names, missing, list } = await linkTables(source);
  if (!source.isOpen) await linkWriteAhead(source);
  const damaged: DamagedTable[] = [];
  const sizes = new Map<string, number>();
  for (const name of names) {
    const [from, to] = [join(target, name + keptSuffix), join(target, name)];
    const writtenBytes = list?.tables.get(parseInt(name, 10))?.sizeBytes;
    const { isWhole, sizeBytes, blocks, damaged: lost } = await examineTable(from, writtenBytes);
    if (isWhole) await rename(from, to);
    else damaged.push({ path: from, lost });
    if (isWhole) sizes.set(name, sizeBytes);
    else if (blocks.length > 0) sizes.set(name, await mendTable({ from, to, blocks }));
  }
  if (list !== undefined) await writeList(target, list, sizes);
  const isWhole = damaged.length + missing.length === 0;
  return { damaged, isWhole, isListed: list !== undefined };
}

/** Of the tables of which anything is left. */
async function writeList(
  target: string,
  list: TableList,
  sizes: ReadonlyMap<string, number>,
): Promise<void> {
  const left = [...list.tables].flatMap(([number, table]): [number, ListedTable][] => {
    const sizeBytes = sizes.get(tableName(number));
    return sizeBytes === undefined ? [] : [[number, { ...table, sizeBytes }]];
  });
  const name = `MANIFEST-${String(list.nextFile).padStart(6, '0')}`;
  const written = { ...list, nextFile: list.nextFile + 1, tables: new Map(left) };
  await writeFile(join(target, name), encodeManifest(written));
  await writeFile(join(target, 'CURRENT'), `${name}\n`);
}

interface Linked {
  readonly names: readonly string[];
  readonly missing: readonly string[];
  readonly list: TableList | undefined;
}

async function linkTables(source: Source): Promise<Linked> {
  for (let attempt = 1; ; attempt++) {
    await rm(source.target, { recursive: true, force: true });
    await mkdir(source.target, { recursive: true, mode: 0o700 });
    const linked = await tryLinking(source);
    const isConsistent = linked.missing.length === 0;
    if (isConsistent || !source.isOpen || attempt === maxAttempts) return linked;
  }
}

async function tryLinking({ location, target, isOpen }: Source): Promise<Linked> {
  const there = await tableNames(location);
  const list = await believedList(location, isOpen ? [] : there);
  const names: string[] = [];
  const missing: string[] = [];
  for (const name of list === undefined ? there : [...list.tables.keys()].map(tableName)) {
    const isThere = await linkFile(join(location, name), join(target, name + keptSuffix));
    (isThere ? names : missing).push(name);
  }
  return { names, missing, list };
}

/** One that does not know all of these may have lost its end, where the newest tables stand. */
async function believedList(
  location: string,
  there: readonly string[],
): Promise<TableList | undefined> {
  const list = await findTableList(location);
  const listed = new Set([...(list?.tables.keys() ?? [])].map(tableName));
  return there.every((name) => listed.has(name)) ? list : undefined;
}

async function tableNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(isTableName);
}

async function linkWriteAhead({ location, target }: Source): Promise<void> {
  const names = (await readdir(location)).filter(isWriteAheadName);
  for (const name of names) await linkFile(join(location, name), join(target, name));
}

/** False when there is no such file. Where the filesystem knows no links it is copied. */
async function linkFile(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch((error: unknown) => {
      if (isMissing(error)) throw error;
      return copyFile(from, to);
    });
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
