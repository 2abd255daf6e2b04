// From the arguments of the process to an exit code. The place where every error of a command ends.
import packageJson from '../../package.json' with { type: 'json' };
import { loadConfig } from '../config/load.ts';
import { TangleError } from '../errors.ts';
import type { Command } from './command.ts';
import { commandsBelow, findCommand, unknownCommand } from './commands.ts';
import { commandHelp, groupHelp, overview } from './help.ts';
import { run } from './run.ts';
import { exitCodeOfSigint } from './signals.ts';

/** 2 says that the same line will fail again, so that a supervisor need not repeat it. */
export type ExitCode = 0 | 1 | 2 | typeof exitCodeOfSigint;

/** What a command line meets; tests give their own. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Writes lines to standard output. */
  readonly print: (lines: string) => void;
  readonly printError: (lines: string) => void;
}

const versionWords = ['--version', '-v'];
const helpWords = ['--help', '-h'];

/** Runs a command line to its end. Reports its own errors and never throws. */
export async function main(argv: readonly string[], around: Surroundings): Promise<ExitCode> {
  try {
    await obey(argv, around);
    return 0;
  } catch (error) {
    around.printError(`midge: ${sentenceOf(error)}`);
    return exitCodeOf(error);
  }
}

async function obey(argv: readonly string[], around: Surroundings): Promise<void> {
  const [first = ''] = argv;
  if (versionWords.includes(first)) around.print(packageJson.version);
  else if (first === 'help') around.print(helpFor(argv.slice(1)));
  else if (asksForHelp(argv)) around.print(helpFor(argv));
  else await runCommand(argv, around);
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? undefined : end).some((word) => helpWords.includes(word));
}

function helpFor(words: readonly string[]): string {
  if (isWithoutCommand(words)) return overview(packageJson.version);
  const command = findCommand(words);
  return command === undefined ? groupHelp(membersOf(words)) : commandHelp(command);
}

async function runCommand(argv: readonly string[], around: Surroundings): Promise<void> {
  if (isWithoutCommand(argv)) {
    await call(run, argv, around);
    return;
  }
  const command = findCommand(argv);
  if (command === undefined) {
    throw incomplete(membersOf(argv), argv);
  }
  await call(command, argv.slice(command.name.split(' ').length), around);
}

/** A line that is empty or begins with a flag runs a node. */
function isWithoutCommand([first]: readonly string[]): boolean {
  return first === undefined || first.startsWith('-');
}

/** The first word names several commands, and the second none of them. */
function incomplete(
  members: readonly Command[],
  [first = '', second]: readonly string[],
): TangleError {
  const names = members.map(({ name }) => `midge ${name}`).join(', ');
  const sentence =
    second === undefined || second.startsWith('-')
      ? `One more word is missing: ${names}.`
      : `There is no command ${JSON.stringify(`${first} ${second}`)}, but there is ${names}.`;
  return new TangleError('USAGE_INVALID', sentence);
}

/** The commands of the group that the line names. Throws USAGE_INVALID when there is none. */
function membersOf([word = '']: readonly string[]): readonly Command[] {
  const members = commandsBelow(word);
  if (members.length === 0) throw unknownCommand(word);
  return members;
}

async function call(
  command: Command,
  argv: readonly string[],
  { env, cwd, print }: Surroundings,
): Promise<void> {
  const loaded = loadConfig({ argv, env, cwd, commandFlags: command.flags });
  const { config, effective, flags, rest } = loaded;
  const { name, parameters } = command;
  if (rest.length !== parameters.length) {
    const usage = ['midge', name, ...parameters].join(' ');
    throw new TangleError('USAGE_INVALID', `The command is "${usage}"; see midge ${name} --help.`);
  }
  await command.run({ config, effective, flags, parameters: rest, print });
}

function exitCodeOf(error: unknown): ExitCode {
  const code = error instanceof TangleError ? error.code : undefined;
  if (code === 'POW_ABORTED') return exitCodeOfSigint;
  return code === 'USAGE_INVALID' || code === 'CONFIG_INVALID' ? 2 : 1;
}

/** What is not coded is our own fault, and only that is worth a stack. */
function sentenceOf(error: unknown): string {
  if (error instanceof TangleError) return error.message;
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `This is a fault of Midge itself; please report it.\n${trace}`;
}
