// Settings and their values in words, for help, docs and error messages.
import { isMachineDefault } from './settings.ts';
import type { Keywords, Setting } from './settings.ts';

/** What a person may write, as the end of the sentence "it takes …". */
export function allowedWords({ schema }: Setting): string {
  return schema.items === undefined ? kindWords(schema) : `a list: ${kindWords(schema.items)}`;
}

/** The default, told the same way on every machine. */
export function defaultWords({ path, schema }: Setting): string {
  if (isMachineDefault(schema.default)) return schema.default.words;
  return schema.default === undefined ? 'none' : valueWords(path, schema.default);
}

/** A value, with its size or duration in words where the name of the setting has a unit. */
export function valueWords(path: string, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  const hint = typeof value === 'number' ? unitWords(path, value) : undefined;
  return hint === undefined ? String(value) : `${String(value)} (${hint})`;
}

/** What help writes for the value of a flag. */
export function placeholderOf({ schema }: Setting): string {
  const { placeholder, enum: names, type } = schema.items ?? schema;
  if (placeholder !== undefined) return placeholder;
  if (names !== undefined) return 'WORD';
  return type === 'boolean' ? 'true|false' : 'N';
}

const typeWords: Readonly<Record<string, string>> = {
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  string: 'text',
};

function kindWords(schema: Keywords): string {
  if (schema.allowed !== undefined) return schema.allowed;
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  return `${typeWords[schema.type ?? 'string']}${boundsWords(schema)}`;
}

function boundsWords({ minimum, maximum }: Keywords): string {
  const from = minimum === undefined ? '' : ` from ${minimum}`;
  const to = maximum === undefined ? '' : ` to ${maximum}`;
  return from + to;
}

const units = [
  { suffix: 'Ms', name: 'days', size: 86_400_000 },
  { suffix: 'Ms', name: 'h', size: 3_600_000 },
  { suffix: 'Ms', name: 'min', size: 60_000 },
  { suffix: 'Ms', name: 's', size: 1000 },
  { suffix: 'Bytes', name: 'GiB', size: 2 ** 30 },
  { suffix: 'Bytes', name: 'MiB', size: 2 ** 20 },
  { suffix: 'Bytes', name: 'KiB', size: 2 ** 10 },
] as const;

function unitWords(path: string, value: number): string | undefined {
  const unit = units.find(({ suffix, size }) => path.endsWith(suffix) && value >= size);
  return unit && `${Number((value / unit.size).toFixed(1))} ${unit.name}`;
}
