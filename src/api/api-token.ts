// The token of the node's owner: random, made once, in a file of the data folder that only the owner can read.
// Commands on the same machine read it there.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TangleError } from '../errors.ts';
import { readIfThere, replaceFile } from '../files.ts';
import { blake2b256 } from '../protocol/hash.ts';
import type { Grant, GrantOf } from './scopes.ts';

const tokenBytes = 32;
const tokenPattern = /^[0-9a-f]{64}$/;
const owner: Grant = { scopes: new Set(['admin']), tokenId: 'owner' };

export function apiTokenPath(dataDir: string): string {
  return join(dataDir, 'api.token');
}

/** Reads the token or makes it. Throws TOKEN_FILE_INVALID when others may read the file or it holds none. */
export async function openApiToken(dataDir: string): Promise<GrantOf> {
  const path = apiTokenPath(dataDir);
  const content = await readIfThere(path);
  if (content === undefined) {
    const token = randomBytes(tokenBytes).toString('hex');
    await replaceFile(path, `${token}\n`);
    return ownerBy(token);
  }
  await checkMode(path);
  const token = content.toString('latin1').trim();
  if (tokenPattern.test(token)) return ownerBy(token);
  throw new TangleError(
    'TOKEN_FILE_INVALID',
    `${path} holds no token; remove it and the next start makes another one.`,
  );
}

async function checkMode(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  throw new TangleError(
    'TOKEN_FILE_INVALID',
    `Others can read the token of this node; remove ${path}, and the next start makes another one.`,
  );
}

/** Compared by their hashes, so that the time it takes tells nothing. */
function ownerBy(token: string): GrantOf {
  const wanted = blake2b256(Buffer.from(token));
  return (given) =>
    Promise.resolve(timingSafeEqual(blake2b256(Buffer.from(given)), wanted) ? owner : undefined);
}
