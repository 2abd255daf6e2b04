// The data folder of the settings, for commands that open it themselves.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TangleError } from '../errors.ts';
import { makeLogger } from '../log.ts';
import type { Logger } from '../log.ts';
import type { Call } from './command.ts';

/** Opening would make an empty store of whatever folder a mistyped path names. Throws STORE_OPEN_FAILED. */
export function dataFolderOf({ config }: Call): string {
  const dataDir = resolve(config.dataDir);
  if (hasStore(dataDir)) return dataDir;
  throw new TangleError('STORE_OPEN_FAILED', `There is no data folder at ${dataDir}.`);
}

export function hasStore(dataDir: string): boolean {
  return existsSync(join(dataDir, 'log')) || existsSync(join(dataDir, 'rebuild'));
}

/** Below a warning the progress says it all. On standard error, because standard output is for the answer. */
export function quietLogger({ config }: Call): Logger {
  return makeLogger({ level: 'warn', format: config.log.format });
}
