// What --help prints, made from the commands and from the table of settings.
import { configFlag } from '../config/flags.ts';
import { helpGroups } from '../config/reference.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { alignColumns, heading, readableWidth } from './layout.ts';
import { run } from './run.ts';

/** All commands and settings. */
export function overview(version: string): string {
  return joinSections([
    `${heading(`Midge ${version}`)}, a lightweight Tangle node`,
    section('Usage', [['midge [command] [settings]']]),
    section('Commands', commandRows(commands)),
    settingsSection(),
    section('Examples', run.examples),
    'More about one of the commands: midge <command> --help',
  ]);
}

/** One command. `run` lists the settings; the others take them too. */
export function commandHelp(command: Command): string {
  const isRun = command === run;
  const usage = ['midge', command.name, ...command.parameters, '[flags]'].join(' ');
  const flags = [...command.flags, configFlag].map(({ flag, placeholder = '', description }) => [
    `${flag} ${placeholder}`.trimEnd(),
    description,
  ]);
  return joinSections([
    section('Usage', [[usage], [''], [command.details]]),
    section('Flags', flags),
    isRun ? settingsSection() : 'All settings are flags here too: midge run --help',
    section('Examples', command.examples),
  ]);
}

/** The commands that share their first word. */
export function groupHelp(members: readonly Command[]): string {
  return joinSections([section('Commands', commandRows(members))]);
}

function commandRows(members: readonly Command[]): string[][] {
  return members.map(({ name, parameters, summary }) => [[name, ...parameters].join(' '), summary]);
}

function settingsSection(): string {
  const rows = helpGroups().flatMap((group) => [
    [''],
    [group.title],
    ...group.rows.map(([flag, meaning]) => [`  ${flag}`, meaning]),
  ]);
  return section('Settings', [[settingsNote], ...rows]);
}

const settingsNote =
  'Flags count most, the environment less, midge.json least; what is --api.bind here is MIDGE_API_BIND and {"api": {"bind": "HOST:PORT"}} there. Defaults stand in brackets.';

function section(title: string, rows: readonly (readonly string[])[]): string {
  return `${heading(title)}\n${alignColumns(rows, { indent: 2, width: readableWidth() })}`;
}

function joinSections(sections: readonly string[]): string {
  return sections.join('\n\n');
}
