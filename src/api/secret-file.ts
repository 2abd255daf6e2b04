// Secrets of the node: random, made once, each in a file of the data folder that only the owner can read.
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { TangleError } from '../errors.ts';
import { readIfThere, replaceFile } from '../files.ts';

const secretBytes = 32;
const secretPattern = /^[0-9a-f]{64}$/;

/** Reads the secret, 64 hex digits, or makes it. Throws TOKEN_FILE_INVALID when others may read the file or it holds none. */
export async function openSecret(path: string): Promise<string> {
  const content = await readIfThere(path);
  if (content === undefined) {
    const secret = randomBytes(secretBytes).toString('hex');
    await replaceFile(path, `${secret}\n`);
    return secret;
  }
  await checkMode(path);
  const secret = content.toString('latin1').trim();
  if (secretPattern.test(secret)) return secret;
  throw new TangleError(
    'TOKEN_FILE_INVALID',
    `${path} holds no secret of a node; remove it and the next start makes another one.`,
  );
}

async function checkMode(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  throw new TangleError(
    'TOKEN_FILE_INVALID',
    `Others can read a secret of this node; remove ${path}, and the next start makes another one.`,
  );
}
