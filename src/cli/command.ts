// What a command of the command line is. Each lives in a file of its own and is listed in commands.ts.
import assert from 'node:assert/strict';
import type { CommandFlag } from '../config/flags.ts';
import type { Given } from '../config/given.ts';
import type { Config } from '../config/schema.ts';

export interface Command {
  /** One word, or two: `db reindex`. */
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** As help writes them, `<index>`; all must be given. */
  readonly parameters: readonly string[];
  readonly flags: readonly CommandFlag[];
  /** A paragraph for the command's own help. */
  readonly details: string;
  readonly examples: readonly (readonly [commandLine: string, meaning: string])[];
  /** Throws a TangleError when it could not do its work. */
  run(call: Call): Promise<void>;
}

/** What a command is called with; flags and parameters were checked against its description. */
export interface Call {
  readonly config: Config;
  /** The same settings with where each came from. */
  readonly effective: readonly Given[];
  readonly parameters: readonly string[];
  /** The command's own flags with their dashes; a switch has the value ''. */
  readonly flags: ReadonlyMap<string, string>;
  /** Writes lines to standard output. */
  readonly print: (lines: string) => void;
}

export const jsonFlag: CommandFlag = {
  flag: '--json',
  description: 'Print JSON for scripts instead of text for people.',
};

export const nodeFlag: CommandFlag = {
  flag: '--node',
  placeholder: 'URL',
  description: 'The node to ask; without it the one that api.bind of the settings names.',
};

export const caFlag: CommandFlag = {
  flag: '--ca',
  placeholder: 'FILE',
  description:
    'Certificate of a node with https, or of its authority; without it api.tls.certFile, or who Node trusts.',
};

/** The flags of every command that asks a node. */
export const nodeFlags: readonly CommandFlag[] = [nodeFlag, caFlag];

export function parameterAt({ parameters }: Call, index: number): string {
  const parameter = parameters[index];
  assert(parameter !== undefined, 'parameters are counted before a command runs');
  return parameter;
}
