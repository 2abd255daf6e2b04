// What the sources of settings have in common: each reads values that are not checked yet.
import { nearest } from './nearest.ts';
import type { Setting } from './settings.ts';

export type Origin = 'default' | 'file' | 'environment' | 'flag';

/** A value for a setting, and where it comes from. */
export interface Given {
  readonly setting: Setting;
  readonly value: unknown;
  readonly origin: Origin;
  /** Where exactly a person would look for it: `midge.json`, `MIDGE_API_BIND`, `--api.bind`. */
  readonly place: string;
}

/** What one source gave, and what it gave that is no setting, a sentence each. */
export interface Reading {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
}

/** The sentence about a name that nothing has, with the name that was probably meant. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known);
  return suggestion === undefined ? `${what}.` : `${what}; did you mean ${suggestion}?`;
}
