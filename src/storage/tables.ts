// Looks at the sizes of LevelDB's tables before LevelDB does, which opens a database with a table that was cut off
// and notices it, if at all, when that is read.
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeManifest } from './manifest.ts';
import type { TableList } from './manifest.ts';

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

export function tableName(number: number): string {
  return `${String(number).padStart(6, '0')}.ldb`;
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
