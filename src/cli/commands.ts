// The list of commands, and how the command line names one of them.
import { nearest } from '../config/nearest.ts';
import { TangleError } from '../errors.ts';
import { attach } from './attach.ts';
import { backup } from './backup.ts';
import { benchPow } from './bench-pow.ts';
import type { Command } from './command.ts';
import { config } from './config.ts';
import { dbReindex } from './db-reindex.ts';
import { dbRepair } from './db-repair.ts';
import { dbStatus } from './db-status.ts';
import { dbVerify } from './db-verify.ts';
import { peersAdd, peersList, peersRemove } from './peers.ts';
import { pinAdd, pinList, pinRemove } from './pins.ts';
import { proxy } from './proxy.ts';
import { prune } from './prune.ts';
import { read } from './read.ts';
import { restore } from './restore.ts';
import { run } from './run.ts';
import { tokenCreate, tokenList, tokenRevoke } from './tokens.ts';

/** In the order in which help lists them. */
export const commands: readonly Command[] = [
  run,
  attach,
  read,
  peersList,
  peersAdd,
  peersRemove,
  tokenCreate,
  tokenList,
  tokenRevoke,
  proxy,
  prune,
  pinList,
  pinAdd,
  pinRemove,
  config,
  backup,
  restore,
  dbStatus,
  dbVerify,
  dbRepair,
  dbReindex,
  benchPow,
];

/** The command whose name, of one word or two, stands at the beginning of the line. */
export function findCommand(argv: readonly string[]): Command | undefined {
  return commands.find(({ name }) => name.split(' ').every((word, index) => word === argv[index]));
}

/** The commands that share their first word: `db` has several. */
export function commandsBelow(word: string): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

export function unknownCommand(word: string): TangleError {
  const suggestion = nearest(word, ['help', ...commands.map(({ name }) => name)]);
  const hint =
    suggestion === undefined ? '"midge help" lists them all.' : `did you mean ${suggestion}?`;
  return new TangleError('USAGE_INVALID', `There is no command ${JSON.stringify(word)}; ${hint}`);
}
