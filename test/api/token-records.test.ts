import { unlinkSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TokenRecords } from '../../src/api/token-records.ts';
import type { TokenRecord } from '../../src/api/token-records.ts';
import { aFolder } from '../support/folder.ts';

const record = (id: string): TokenRecord => ({
  id: id.padStart(16, '0'),
  scopes: ['read'],
  createdAtMs: 1,
  expiresAtMs: 2,
});

it('changes one after the other, and sees what others did to the file in between', async () => {
  await using folder = await aFolder();
  const path = join(folder.path, 'tokens.json');
  const [one, other] = [new TokenRecords(path), new TokenRecords(path)];
  await Promise.all(['1', '2', '3'].map((id) => one.change((all) => [...all, record(id)])));
  await other.change((all) => all.slice(1));
  expect(await one.all()).toEqual([record('2'), record('3')]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('looks at the file once in a turn of the event loop, and knows its own changes at once', async () => {
  await using folder = await aFolder();
  const path = join(folder.path, 'tokens.json');
  const records = new TokenRecords(path);
  const { id } = record('1');
  const other = record('2');
  await records.change(() => [record('1'), other]);
  expect(await records.find(id)).toEqual(record('1'));
  await records.change(() => [record('1')]);
  expect(await records.find(other.id)).toBeUndefined();
  await setImmediate();
  expect(records.find(id)).toEqual(record('1'));
  unlinkSync(path);
  expect(records.find(id)).toEqual(record('1'));
  await setImmediate();
  expect(await records.find(id)).toBeUndefined();
});

it('stays as it was when an edit is refused', async () => {
  await using folder = await aFolder();
  const records = new TokenRecords(join(folder.path, 'tokens.json'));
  await records.change(() => [record('1')]);
  const refused = records.change(() => {
    throw new Error('no');
  });
  await expect(refused).rejects.toThrow('no');
  await records.change((all) => [...all, record('2')]);
  expect(await records.all()).toEqual([record('1'), record('2')]);
});

it.each(['', '{', '[]', '{"tokens": [{"id": "x"}]}', '{"tokens": [{"id": "0", "scopes": []}]}'])(
  'refuses %j, and leaves it as it is',
  async (content) => {
    await using folder = await aFolder();
    const path = join(folder.path, 'tokens.json');
    await writeFile(path, content);
    await expect(new TokenRecords(path).change(() => [])).rejects.toMatchObject({
      code: 'TOKEN_FILE_INVALID',
    });
    expect(await readFile(path, 'utf8')).toBe(content);
  },
);

it('says what is wrong with a file that cannot be read, and the way out', async () => {
  await using folder = await aFolder();
  const path = join(folder.path, 'tokens.json');
  await mkdir(path);
  await expect(new TokenRecords(path).all()).rejects.toMatchObject({
    code: 'TOKEN_FILE_INVALID',
    message: `${path} cannot be read (EISDIR); let this user read it, or remove it, which revokes all tokens.`,
  });
});
