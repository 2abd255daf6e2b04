// How many files and sockets the process has open: when none is left, it can neither store nor answer.
import { readFileSync, readdirSync } from 'node:fs';

export interface OpenFiles {
  /** Undefined where the system does not tell. */
  readonly openCount?: number;
  readonly maxCount?: number;
}

export function countFiles(): OpenFiles {
  if (process.platform !== 'linux') return {};
  const max = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  // One of them is what reads the list.
  const openCount = readdirSync('/proc/self/fd').length - 1;
  return max === undefined ? { openCount } : { openCount, maxCount: Number(max) };
}
