// Tokens by the command line and the shipped node, over a restart; and no secret where others could see it.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);

async function midge(...words: readonly string[]): Promise<string> {
  return (await run(process.execPath, ['bin/midge.js', ...words])).stdout;
}

interface Made {
  readonly token: string;
  readonly id: string;
}

const body = JSON.stringify({ payload: { type: 2, index: '61', data: '62' } });

async function attachStatus(node: NodeProcess, token?: string): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const answer = await fetch(`${node.url}/api/v1/messages`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

it('tokens open what they are for, on a running node and a stopped one, and are seen nowhere', async () => {
  await using folder = await aFolder();
  const dataDir = folder.path;
  const settings = { 'api.public-scopes': 'read', 'log.level': 'trace' };
  const create = async (scope: string, ...place: readonly string[]): Promise<Made> =>
    JSON.parse(
      await midge('token', 'create', '--scope', scope, '--json', '--data-dir', dataDir, ...place),
    ) as Made;

  const node = await NodeProcess.start({ dataDir, settings });
  await using _ = node;
  const bind = ['--api.bind', new URL(node.url).host];
  const full = await create('attach,pow', ...bind);
  const small = await create('attach', '--node', node.url);
  expect(await attachStatus(node)).toBe(401);
  expect(await attachStatus(node, small.token)).toBe(403);
  expect(await attachStatus(node, full.token)).toBe(201);
  await midge('token', 'revoke', full.id, '--data-dir', dataDir, ...bind);
  expect(await attachStatus(node, full.token)).toBe(401);

  const argv = readFileSync(`/proc/${node.child.pid}/cmdline`, 'utf8');
  const metrics = await (await fetch(`${node.url}/metrics`)).text();
  expect(await node.stop()).toBe(0);

  const later = await create('attach,pow', ...bind);
  await midge('token', 'revoke', small.id, '--data-dir', dataDir, ...bind);
  await using again = await NodeProcess.start({ dataDir, settings });
  expect(await attachStatus(again, later.token)).toBe(201);
  expect(await attachStatus(again, small.token)).toBe(401);

  const secrets = [
    ...[full, small, later].map(({ token }) => token.split('.').at(-1)!),
    ...['api.token', 'tokens.key'].map((file) => readFileSync(join(dataDir, file), 'utf8').trim()),
  ];
  const shown = [
    ...[node, again].flatMap(({ lines }) => lines),
    argv,
    metrics,
    await midge('config', '--data-dir', dataDir),
    await midge('token', 'list', '--data-dir', dataDir, '--node', again.url),
  ].join('\n');
  expect(shown).toContain('request answered');
  for (const secret of secrets) expect(shown).not.toContain(secret);
});
