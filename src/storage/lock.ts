// Who has the data folder. The lock itself is LevelDB's, which the system drops with the process.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';

export function pidFile(dataDir: string): string {
  return join(dataDir, 'midge.pid');
}

export async function lockedBy(dataDir: string, cause: unknown): Promise<TangleError> {
  const pid = await readFile(pidFile(dataDir), 'utf8').catch(() => 'unknown');
  return new TangleError(
    'STORE_LOCKED',
    `The data folder ${dataDir} is in use by process ${pid.trim()}. Stop that one, or choose another folder.`,
    { details: { dataDir, pid: pid.trim() }, cause },
  );
}
