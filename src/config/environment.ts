// Settings from the environment: `MIDGE_API_BIND=0.0.0.0:14265`; the items of a list stand between commas.
import { unknownName } from './given.ts';
import type { Given, Reading } from './given.ts';
import { valueFromText } from './settings.ts';
import type { Setting } from './settings.ts';

const prefix = 'MIDGE_';

/** Names the settings file, as the flag `--config` does. The only MIDGE_ variable that is no setting. */
export const configVariable = 'MIDGE_CONFIG';

export function readEnvironment(settings: readonly Setting[], env: NodeJS.ProcessEnv): Reading {
  const given: Given[] = [];
  const problems: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(prefix) || name === configVariable || text === undefined) continue;
    const setting = settings.find(({ variable }) => variable === name);
    if (setting === undefined) {
      const known = settings.map(({ variable }) => variable);
      problems.push(unknownName(`${name} is not a setting`, name, known));
    } else {
      given.push({ setting, value: valueOf(setting, text), origin: 'environment', place: name });
    }
  }
  return { given, problems };
}

function valueOf({ schema }: Setting, text: string): unknown {
  const { items } = schema;
  if (items === undefined) return valueFromText(schema, text);
  const parts = text.split(',').map((part) => part.trim());
  return text.trim() === '' ? [] : parts.map((part) => valueFromText(items, part));
}
