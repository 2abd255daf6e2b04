// Settings and a command's own flags from the command line. Nothing unknown is let through.
import { parseArgs } from 'node:util';
import { unknownName } from './given.ts';
import type { Given, Reading } from './given.ts';
import { valueFromText } from './settings.ts';
import type { Setting } from './settings.ts';

/** A flag that is no setting. */
export interface CommandFlag {
  /** With its dashes: `--node`. */
  readonly flag: string;
  /** What help writes for its value; absent for a switch. */
  readonly placeholder?: string;
  readonly description: string;
}

/** Where the settings file is named; every command takes it. */
export const configFlag: CommandFlag = {
  flag: '--config',
  placeholder: 'FILE',
  description: 'Read settings from this file instead of ./midge.json.',
};

export interface FlagReading extends Reading {
  /** Flags that are no settings, with their dashes; a switch has the value ''. */
  readonly flags: ReadonlyMap<string, string>;
  /** What is no flag, in order. */
  readonly rest: readonly string[];
}

/** Everything after a lone `--` is no flag. Of a setting given twice the last one counts; lists grow. */
export function readFlags(
  settings: readonly Setting[],
  commandFlags: readonly CommandFlag[],
  argv: readonly string[],
): FlagReading {
  const takesValue = new Map<string, boolean>([
    ...settings.map(({ flag }) => [flag, true] as const),
    ...commandFlags.map(({ flag, placeholder }) => [flag, placeholder !== undefined] as const),
  ]);
  const texts: [flag: string, text: string][] = [];
  const rest: string[] = [];
  const problems: string[] = [];
  for (const token of tokensOf(argv, takesValue)) {
    if (token.kind === 'positional') rest.push(token.value);
    if (token.kind !== 'option') continue;
    const problem = problemOf(token, takesValue);
    if (problem === undefined) texts.push([token.rawName, token.value ?? '']);
    else problems.push(problem);
  }
  const isOwn = ([flag]: readonly [string, string]): boolean =>
    commandFlags.some((own) => own.flag === flag);
  const given = settings.flatMap((setting) => givenBy(setting, texts));
  return { given, problems, rest, flags: new Map(texts.filter(isOwn)) };
}

/** No flag begins with one dash and what is no letter: `-5 degrees` is somebody's text. */
const dashedText = /^-[^-a-z]/i;

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

function tokensOf(argv: readonly string[], takesValue: ReadonlyMap<string, boolean>): Token[] {
  const options = Object.fromEntries(
    Array.from(takesValue, ([flag, isText]) => [
      flag.slice('--'.length),
      { type: isText ? ('string' as const) : ('boolean' as const) },
    ]),
  );
  // It would be taken apart into flags of one character.
  const args = argv.map((word) => word.replace(dashedText, 'x'));
  // Not strict: strict parsing stops at the first fault, and all of them shall be told at once.
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  return tokens.map((token) => asWritten(token, argv));
}

/** With the words of the line in the place of what they were replaced by. */
function asWritten(token: Token, argv: readonly string[]): Token {
  if (token.kind === 'positional') return { ...token, value: argv[token.index] ?? '' };
  if (token.kind !== 'option' || token.inlineValue !== false) return token;
  return { ...token, value: argv[token.index + 1] ?? '' };
}

function problemOf(
  { rawName, value, inlineValue }: OptionToken,
  takesValue: ReadonlyMap<string, boolean>,
): string | undefined {
  const isText = takesValue.get(rawName);
  if (isText === undefined) {
    return unknownName(`${rawName} is not a flag`, rawName, [...takesValue.keys()]);
  }
  if (!isText) return value === undefined ? undefined : `${rawName} takes no value.`;
  const isNextFlag = inlineValue === false && /^-[-a-z]/i.test(value);
  return value === undefined || isNextFlag ? `${rawName} needs a value.` : undefined;
}

function givenBy(setting: Setting, texts: readonly (readonly [string, string])[]): Given[] {
  const { flag, schema } = setting;
  const values = texts
    .filter(([name]) => name === flag)
    .map(([, text]) => valueFromText(schema.items ?? schema, text));
  if (values.length === 0) return [];
  const value = schema.items === undefined ? values.at(-1) : values;
  return [{ setting, value, origin: 'flag', place: flag }];
}
