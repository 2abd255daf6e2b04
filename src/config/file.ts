// Settings from a JSON file: one object per group, `{"api": {"bind": "127.0.0.1:14265"}}`.
import { readFileSync } from 'node:fs';
import { unknownName } from './given.ts';
import type { Given, Reading } from './given.ts';
import { pathOf } from './settings.ts';
import type { Setting } from './settings.ts';

export interface FileSource {
  /** As a person named it. */
  readonly name: string;
  readonly path: string;
  /** Whether the file was asked for, so that it must be there. */
  readonly isRequired: boolean;
}

/** Returns the text of a file; throws like `readFileSync`. */
export type ReadFile = (path: string) => string;

export const readTextFile: ReadFile = (path) => readFileSync(path, 'utf8');

export function readSettingsFile(
  settings: readonly Setting[],
  source: FileSource,
  readFile: ReadFile,
): Reading {
  let text: string;
  try {
    text = readFile(source.path);
  } catch (error) {
    const isAbsent = codeOf(error) === 'ENOENT';
    if (isAbsent && !source.isRequired) return { given: [], problems: [] };
    const why = isAbsent ? 'there is no such file' : reasonOf(error);
    return { given: [], problems: [`${source.name} cannot be read: ${why}.`] };
  }
  return parseSettings(settings, source.name, text);
}

function parseSettings(settings: readonly Setting[], place: string, text: string): Reading {
  let root: unknown;
  try {
    // Editors on Windows like to begin a file with a byte order mark.
    root = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return { given: [], problems: [`${place} is not JSON: ${reasonOf(error)}.`] };
  }
  return readGroup(settings, place, { path: '', value: root });
}

function readGroup(
  settings: readonly Setting[],
  place: string,
  group: { readonly path: string; readonly value: unknown },
): Reading {
  const label = group.path === '' ? place : `${group.path} (${place})`;
  if (!isObject(group.value)) {
    return { given: [], problems: [`${label} must be an object of settings.`] };
  }
  const given: Given[] = [];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(group.value)) {
    const path = pathOf(group.path, name);
    const setting = settings.find((known) => known.path === path);
    if (setting !== undefined) {
      given.push({ setting, value, origin: 'file', place });
    } else if (settings.some((known) => known.path.startsWith(`${path}.`))) {
      const inner = readGroup(settings, place, { path, value });
      given.push(...inner.given);
      problems.push(...inner.problems);
    } else {
      const known = settings.map((each) => each.path);
      problems.push(unknownName(`${path} (${place}) is not a setting`, path, known));
    }
  }
  return { given, problems };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
