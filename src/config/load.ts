// Loads the settings: defaults < midge.json < environment < flags. What is wrong in any of them is refused
// together, with where it was given, before anything is opened.
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { TangleError } from '../errors.ts';
import { configVariable, readEnvironment } from './environment.ts';
import { readSettingsFile, readTextFile } from './file.ts';
import type { FileSource, ReadFile } from './file.ts';
import { configFlag, readFlags } from './flags.ts';
import type { CommandFlag } from './flags.ts';
import type { Given } from './given.ts';
import { settingsSchema } from './schema.ts';
import type { Config } from './schema.ts';
import { defaultOf, isAllowed, pathOf, settings } from './settings.ts';
import type { Setting } from './settings.ts';
import { allowedWords } from './words.ts';

/** Read when it lies in the working directory and no other file is named. */
export const defaultFile = 'midge.json';

export interface ConfigSources {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Flags that the command takes beside the settings. */
  readonly commandFlags?: readonly CommandFlag[] | undefined;
  readonly readFile?: ReadFile;
}

interface LoadedSettings {
  /** The value that counts of each setting, in the order of the table. */
  readonly effective: readonly Given[];
  /** The command's own flags with their dashes; a switch has the value ''. */
  readonly flags: ReadonlyMap<string, string>;
  /** The arguments that are no flags. */
  readonly rest: readonly string[];
}

export interface LoadedConfig extends LoadedSettings {
  readonly config: Config;
}

/** Throws CONFIG_INVALID; its details list every problem, a sentence each. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const loaded = loadSettings(settings, sources);
  const values = new Map(loaded.effective.map(({ setting, value }) => [setting.path, value]));
  const config = treeOf(settingsSchema, values);
  assert(Check(settingsSchema, config), 'each setting was checked on its own');
  return { config, ...loaded };
}

/** `loadConfig` for any table of settings. */
export function loadSettings(table: readonly Setting[], sources: ConfigSources): LoadedSettings {
  const { argv, env, commandFlags = [], readFile = readTextFile } = sources;
  const fromFlags = readFlags(table, [configFlag, ...commandFlags], argv);
  const file = fileSource(sources, fromFlags.flags.get(configFlag.flag));
  const readings = [
    readSettingsFile(table, file, readFile),
    readEnvironment(table, env),
    fromFlags,
  ];

  const given = readings.flatMap((reading) => reading.given);
  const problems = [...readings.flatMap((reading) => reading.problems), ...given.flatMap(refusal)];
  if (problems.length > 0) throw invalid(problems);

  const effective = table.map(
    (setting): Given => given.findLast((each) => each.setting === setting) ?? byDefault(setting),
  );
  return { effective, flags: fromFlags.flags, rest: fromFlags.rest };
}

function byDefault(setting: Setting): Given {
  return { setting, value: defaultOf(setting), origin: 'default', place: 'default' };
}

function fileSource({ env, cwd }: ConfigSources, flag: string | undefined): FileSource {
  const asked = flag ?? env[configVariable];
  const name = asked ?? defaultFile;
  return { name, path: resolve(cwd, name), isRequired: asked !== undefined };
}

function refusal({ setting, value, place }: Given): string[] {
  if (isAllowed(setting, value)) return [];
  const shown = JSON.stringify(value).slice(0, 100);
  return [`${setting.path} (${place}) is ${shown}; it takes ${allowedWords(setting)}.`];
}

function invalid(problems: readonly string[]): TangleError {
  const [first = '', ...others] = problems;
  const message =
    others.length === 0
      ? first
      : [`The settings have ${problems.length} problems:`, ...problems].join('\n  ');
  return new TangleError('CONFIG_INVALID', message, { details: { problems } });
}

/** The values by path as the tree that `schema` describes. */
function treeOf(schema: TSchema, values: ReadonlyMap<string, unknown>, path = ''): unknown {
  if (!Type.IsObject(schema)) return values.get(path);
  const branches = Object.entries(schema.properties)
    .map(([name, child]) => [name, treeOf(child, values, pathOf(path, name))] as const)
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(branches);
}
