import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { describe, expect, it } from 'vitest';
import { openIdentity } from '../../src/gossip/identity.ts';
import { aFolder } from '../support/folder.ts';

describe('the identity', () => {
  it('is made once, for the owner only, and the same at the next start', async () => {
    await using folder = await aFolder();
    const made = await openIdentity(folder.path);
    expect((await stat(join(folder.path, 'identity.key'))).mode & 0o777).toBe(0o600);
    expect((await openIdentity(folder.path)).equals(made)).toBe(true);
  });

  it('is refused when others can read it', async () => {
    await using folder = await aFolder();
    await openIdentity(folder.path);
    await chmod(join(folder.path, 'identity.key'), 0o640);
    await expect(openIdentity(folder.path)).rejects.toMatchObject({
      code: 'IDENTITY_INVALID',
      message: expect.stringContaining('chmod 600') as string,
    });
  });

  it.each([
    ['nothing', () => Promise.resolve(new Uint8Array())],
    ['garbage', () => Promise.resolve(new Uint8Array(40).fill(255))],
    ['a key of another kind', async () => privateKeyToProtobuf(await generateKeyPair('secp256k1'))],
  ])('is never replaced when the file holds %s', async (_, makeContent) => {
    await using folder = await aFolder();
    const path = join(folder.path, 'identity.key');
    const content = await makeContent();
    await writeFile(path, content, { mode: 0o600 });
    await expect(openIdentity(folder.path)).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
    expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(content));
  });
});
