// midge config: the settings that count, and where each came from.
import type { Given } from '../config/given.ts';
import { valueWords } from '../config/words.ts';
import { jsonFlag } from './command.ts';
import type { Command } from './command.ts';
import { jsonLine } from './escape.ts';
import { alignColumns } from './layout.ts';

export const config: Command = {
  name: 'config',
  summary: 'show the settings that count, and where each came from',
  parameters: [],
  flags: [jsonFlag],
  details:
    'Reads midge.json, the environment and flags as midge run does, opens nothing, and shows the outcome. Whatever is wrong is told at once, all of it.',
  examples: [
    ['midge config', 'what a node started here would run with'],
    ['midge config --config /etc/midge.json --json', 'another file, for a script'],
  ],
  run: ({ effective, flags, print }) => {
    print(flags.has(jsonFlag.flag) ? jsonLine(settingsJson(effective)) : table(effective));
    return Promise.resolve();
  },
};

function table(effective: readonly Given[]): string {
  return alignColumns(
    effective.map(({ setting, value, place }) => [
      setting.path,
      value === undefined ? 'none' : valueWords(setting.path, value),
      place,
    ]),
  );
}

function settingsJson(effective: readonly Given[]): Record<string, unknown> {
  return Object.fromEntries(
    effective.map(({ setting, value, origin, place }) => [
      setting.path,
      { value: value ?? null, origin, place },
    ]),
  );
}
