// Who this node is among its neighbours: an Ed25519 key, made once and kept in the data folder.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { TangleError } from '../errors.ts';
import { readIfThere, replaceFile } from '../files.ts';

type PrivateKey = ReturnType<typeof privateKeyFromProtobuf>;

/**
 * Reads `identity.key`, or makes it. Throws TangleError IDENTITY_INVALID when others may read the file
 * or when it holds no Ed25519 key; a new one is never put in its place, for neighbours know the old one.
 */
export async function openIdentity(dataDir: string): Promise<PrivateKey> {
  const path = join(dataDir, 'identity.key');
  const content = await readIfThere(path);
  if (content === undefined) {
    const key = await generateKeyPair('Ed25519');
    await replaceFile(path, privateKeyToProtobuf(key));
    return key;
  }
  await checkMode(path);
  return decodeKey(path, content);
}

async function checkMode(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  throw new TangleError(
    'IDENTITY_INVALID',
    `Others can read the key of this node; run: chmod 600 ${path}`,
  );
}

function decodeKey(path: string, content: Uint8Array): PrivateKey {
  try {
    const key = privateKeyFromProtobuf(content);
    if (key.type === 'Ed25519') return key;
  } catch {
    // Said below.
  }
  throw new TangleError(
    'IDENTITY_INVALID',
    `${path} holds no Ed25519 key; restore it from a copy, or remove it to become a new node.`,
  );
}
