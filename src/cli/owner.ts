// The token with which a command shows that it is run by the owner of the node.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TangleError } from '../errors.ts';
import type { Call } from './command.ts';
import { nodeFlags } from './command.ts';
import type { CommandFlag } from '../config/flags.ts';

/** Never the token itself: other users of the machine see the arguments of every process. */
export const tokenFileFlag: CommandFlag = {
  flag: '--token-file',
  placeholder: 'FILE',
  description: 'Where the token for the node lies; without it api.token in the data folder.',
};

/** The flags of every command that needs the owner's token. */
export const ownerFlags: readonly CommandFlag[] = [...nodeFlags, tokenFileFlag];

/** Throws USAGE_INVALID when there is none to be read. */
export function ownerTokenOf({ config, flags }: Call): string {
  const given = flags.get(tokenFileFlag.flag);
  const path = given === undefined ? join(resolve(config.dataDir), 'api.token') : resolve(given);
  const token = readToken(path);
  if (/^[!-~]{1,2048}$/.test(token)) return token;
  throw new TangleError('USAGE_INVALID', `${path} holds no token.`);
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new TangleError(
      'USAGE_INVALID',
      `The token of the node cannot be read from ${path} (${code}). Name its data folder with --data-dir, or a file with ${tokenFileFlag.flag}.`,
      { cause: error },
    );
  }
}
