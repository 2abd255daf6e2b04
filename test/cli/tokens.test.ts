import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTokens } from '../../src/api/tokens.ts';
import { systemClock } from '../../src/clock.ts';
import { midge, newFolder, openFakeNode } from './midge.ts';

/** No node listens there: the port was free a moment ago. */
async function deadBind(): Promise<string> {
  const node = await openFakeNode(() => ({ status: 500, body: '' }));
  await node[Symbol.asyncDispose]();
  return node.url.slice('http://'.length);
}

async function stoppedNode() {
  const dataDir = newFolder();
  const tokens = await openTokens(dataDir, { clock: systemClock });
  return { tokens, line: ['--data-dir', dataDir, '--api.bind', await deadBind()] };
}

interface Made {
  readonly token: string;
  readonly id: string;
}

describe('midge token, where the node is stopped', () => {
  it('makes, lists and revokes in the data folder', async () => {
    const { tokens, line } = await stoppedNode();
    const words = ['token', 'create', '--scope', 'attach,read', '--name', 'a b', '--expires'];
    const made = await midge([...words, '2h', '--json', ...line]);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const { token, id } = JSON.parse(made.stdout) as Made;
    expect((await tokens.grantOf(token))?.scopes).toEqual(new Set(['read', 'attach']));
    const listed = await midge(['token', 'list', ...line]);
    expect(listed.stdout).toMatch(
      new RegExp(`^${id}  read, attach  until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC  a b\\n$`),
    );
    expect(await midge(['token', 'revoke', id, ...line])).toEqual({
      code: 0,
      stdout: `The token ${id} is revoked.\n`,
      stderr: '',
    });
    expect(await tokens.grantOf(token)).toBeUndefined();
    expect(await midge(['token', 'revoke', id, ...line])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'midge: There is no token with that id.\n',
    });
    expect((await midge(['token', 'list', ...line])).stdout).toBe(
      'There are no tokens; make one with: midge token create\n',
    );
  });

  it('shows a person the token once', async () => {
    const { line } = await stoppedNode();
    const { stdout } = await midge(['token', 'create', '--scope', 'read', ...line]);
    const shown =
      /^token {3}\S+\nid {6}[0-9a-f]{16}\nallows {2}read\nuntil {3}.* UTC\nIt is shown only now; keep it\.\n$/;
    expect(stdout).toMatch(shown);
  });

  it('does nothing where there is no data folder of a node', async () => {
    const dataDir = join(newFolder(), 'none');
    const line = ['--data-dir', dataDir, '--api.bind', await deadBind()];
    const { code, stderr } = await midge(['token', 'list', ...line]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `midge: The token of the node cannot be read from ${dataDir}/api.token (ENOENT). Name its data folder with --data-dir, or a file with --token-file.\n`,
    );
  });

  it('does not fall back to the folder when a node was named', async () => {
    const { line } = await stoppedNode();
    const url = `http://${await deadBind()}`;
    const { code, stderr } = await midge(['token', 'list', ...line, '--node', url]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`No node answers at ${url}`)]);
  });
});

describe('midge token, where a node runs', () => {
  it('asks the node, as its owner', async () => {
    const id = '0123456789abcdef';
    const record = { id, scopes: ['read'], createdAtMs: 0, expiresAtMs: 1 };
    await using node = await openFakeNode((request) => {
      if (request.startsWith('POST'))
        return { status: 201, body: { data: { token: 't', ...record } } };
      return request.startsWith('GET')
        ? { status: 200, body: { data: [record] } }
        : { status: 204, body: '' };
    });
    const { line } = await stoppedNode();
    const bind = ['--api.bind', node.url.slice('http://'.length)];
    const create = ['token', 'create', '--scope', 'read', '--expires', '1h', '--json'];
    expect(JSON.parse((await midge([...create, ...line, ...bind])).stdout)).toEqual({
      token: 't',
      ...record,
    });
    const { stdout } = await midge(['token', 'list', ...line, ...bind]);
    expect(stdout).toBe(`${id}  read  expired 1970-01-01 00:00 UTC  -\n`);
    expect((await midge(['token', 'revoke', id, ...line, ...bind])).code).toBe(0);
    expect(node.requests).toEqual([
      'POST /api/midge/v1/tokens {"scopes":["read"],"lifetimeMs":3600000}',
      'GET /api/midge/v1/tokens',
      `DELETE /api/midge/v1/tokens/${id}`,
    ]);
  });

  it('says when it is the node of another folder', async () => {
    await using node = await openFakeNode(() => ({
      status: 401,
      body: { error: { code: '401', message: 'No.', reason: 'token_invalid' } },
    }));
    const { line } = await stoppedNode();
    const bind = node.url.slice('http://'.length);
    const { code, stderr } = await midge(['token', 'list', ...line, '--api.bind', bind]);
    expect([code, stderr]).toEqual([
      1,
      `midge: What answers at ${bind} is not the node of ${line[1]}: name its data folder with --data-dir, or its address with --node.\n`,
    ]);
  });
});

describe('midge token create', () => {
  const scopeWords = '--scope takes one or more of read, attach, pow, admin, with commas between.';
  const timeWords =
    '--expires takes a number with s, m, h, d, w or y, such as 12h or 30d, up to 10y.';

  it.each([
    [[], scopeWords],
    [['--scope', ''], scopeWords],
    [['--scope', 'read,root'], scopeWords],
    [['--scope', 'read', '--expires', '30'], timeWords],
    [['--scope', 'read', '--expires', '0d'], timeWords],
    [['--scope', 'read', '--expires', '11y'], timeWords],
    [['--scope', 'read', '--expires', '-1d'], timeWords],
    [['--scope', 'read', '--name', ''], '--name takes 1 to 64 characters.'],
    [['--scope', 'read', '--name', 'x'.repeat(65)], '--name takes 1 to 64 characters.'],
  ])('refuses %j', async (flags, sentence) => {
    const { line, tokens } = await stoppedNode();
    expect(await midge(['token', 'create', ...flags, ...line])).toEqual({
      code: 2,
      stdout: '',
      stderr: `midge: ${sentence}\n`,
    });
    expect(await tokens.list()).toEqual([]);
  });
});

it('the secret of the owner is what the node is asked with', async () => {
  const seen: (string | undefined)[] = [];
  const dataDir = newFolder();
  await openTokens(dataDir, { clock: systemClock });
  await using node = await openFakeNode((_request, headers) => {
    seen.push(headers.authorization);
    return { status: 200, body: { data: [] } };
  });
  await midge(['token', 'list', '--data-dir', dataDir, '--node', node.url]);
  const token = readFileSync(join(dataDir, 'api.token'), 'utf8').trim();
  expect(seen).toEqual([`Bearer ${token}`]);
});
