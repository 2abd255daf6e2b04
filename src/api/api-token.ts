// The token of the node's owner, which opens every door. Commands on the same machine read it in the data folder.
import { timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { blake2b256 } from '../protocol/hash.ts';
import type { Grant } from './scopes.ts';
import { openSecret } from './secret-file.ts';

const owner: Grant = { scopes: new Set(['admin']), tokenId: 'owner' };

export function apiTokenPath(dataDir: string): string {
  return join(dataDir, 'api.token');
}

/** Undefined for every other token. */
export type OwnerOf = (token: string) => Grant | undefined;

/** Reads the token or makes it. Throws TOKEN_FILE_INVALID. */
export async function openApiToken(dataDir: string): Promise<OwnerOf> {
  return ownerBy(await openSecret(apiTokenPath(dataDir)));
}

/** Compared by their hashes, so that the time it takes tells nothing. */
function ownerBy(token: string): OwnerOf {
  const wanted = blake2b256(Buffer.from(token));
  return (given) => (timingSafeEqual(blake2b256(Buffer.from(given)), wanted) ? owner : undefined);
}
