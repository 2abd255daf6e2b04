// The table seen as a flat list: each setting with its name in every place where it can be given.
import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import type { MachineDefault } from './leaves.ts';
import { settingsSchema } from './schema.ts';

/** The keywords of a setting's schema that this folder reads. */
export interface Keywords {
  readonly title?: string;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly placeholder?: string;
  readonly allowed?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Keywords;
}

/** One setting: `a.bC` in the file, `--a.b-c` as a flag, `MIDGE_A_B_C` in the environment. */
export interface Setting {
  readonly path: string;
  readonly flag: string;
  readonly variable: string;
  /** Title of its group in help and docs. */
  readonly group: string;
  readonly schema: Keywords;
}

/** All leaves of `schema`, in its order. */
export function settingsOf(schema: TSchema, path = '', outerGroup = 'General'): readonly Setting[] {
  const { title: group = outerGroup }: Keywords = schema;
  if (!Type.IsObject(schema)) return [settingAt(path, group, schema)];
  return Object.entries(schema.properties).flatMap(([name, child]) =>
    settingsOf(child, pathOf(path, name), group),
  );
}

/** `a` and `bC` give `a.bC`; the root is the empty path. */
export function pathOf(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}

/** The settings of the node. */
export const settings = settingsOf(settingsSchema);

/** The value when nobody gives one; undefined for a setting that is off until somebody does. */
export function defaultOf({ schema }: Setting): unknown {
  return isMachineDefault(schema.default) ? schema.default.find() : schema.default;
}

/** Whether `value` has the type and lies within the bounds of the setting. */
export function isAllowed({ schema }: Setting, value: unknown): boolean {
  return Check(schema, value);
}

/** Text that does not look like the setting's type stays text, so that `isAllowed` refuses it. */
export function valueFromText({ type }: Keywords, text: string): unknown {
  const isNumber = type === 'integer' || type === 'number';
  if (isNumber && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

export function isMachineDefault(value: unknown): value is MachineDefault {
  return typeof value === 'object' && value !== null && 'words' in value;
}

function settingAt(path: string, group: string, schema: Keywords): Setting {
  const kebab = path.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const variable = `MIDGE_${kebab.replaceAll(/[.-]/g, '_').toUpperCase()}`;
  return { path, flag: `--${kebab}`, variable, group, schema };
}
