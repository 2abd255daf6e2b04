import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { apiTokenPath, openApiToken } from '../../src/api/api-token.ts';
import { aFolder } from '../support/folder.ts';

describe('the token of the owner', () => {
  it('is made once, for the eyes of the owner only', async () => {
    await using folder = await aFolder();
    const grantOf = await openApiToken(folder.path);
    const token = (await readFile(apiTokenPath(folder.path), 'utf8')).trim();
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect((await stat(apiTokenPath(folder.path))).mode & 0o777).toBe(0o600);
    expect(grantOf(token)).toMatchObject({ scopes: new Set(['admin']) });
    const again = await openApiToken(folder.path);
    expect(again(token)).toBeDefined();
  });

  it('is no other one', async () => {
    await using folder = await aFolder();
    const grantOf = await openApiToken(folder.path);
    const token = (await readFile(apiTokenPath(folder.path), 'utf8')).trim();
    for (const other of ['', 'ff'.repeat(32), token.slice(1), `${token}0`]) {
      expect(grantOf(other)).toBeUndefined();
    }
  });

  it('is refused when others can read it, or when it is none', async () => {
    await using folder = await aFolder();
    const path = apiTokenPath(folder.path);
    await writeFile(path, 'short', { mode: 0o600 });
    await expect(openApiToken(folder.path)).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
    await chmod(path, 0o644);
    await expect(openApiToken(folder.path)).rejects.toThrow('Others can read');
  });
});
