// What the README tells people to do first, done word by word against the shipped node.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);
const readme = readFileSync('README.md', 'utf8');
const usualUrl = 'http://127.0.0.1:14265';

/** The fenced blocks of this language that talk to a node, pointed at the one of this test. */
function blocks(language: string, url: string): string[] {
  const fences = readme.matchAll(/```(\w+)\n([\s\S]*?)```/g);
  return [...fences]
    .filter(([, name]) => name === language)
    .map(([, , code]) => (code ?? '').replaceAll(usualUrl, url));
}

const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
);

describe('the README', () => {
  let folder: Awaited<ReturnType<typeof aFolder>>;
  let node: NodeProcess;

  beforeAll(async () => {
    folder = await aFolder();
    node = await NodeProcess.start({ dataDir: folder.path });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it.skipIf(!hasCurl)('attaches and finds a message by curl', async () => {
    const [commands = ''] = blocks('sh', node.url).filter((code) => code.includes('curl'));
    const { stdout } = await run('sh', ['-ec', commands]);
    const [id = 'none'] = /[0-9a-f]{64}/.exec(stdout) ?? [];
    expect(stdout.split(id).length).toBe(3);
  });

  it('attaches and reads by its own command', async () => {
    const [commands = ''] = blocks('sh', node.url).filter((code) => code.includes('-- attach'));
    const lines = commands.trim().split('\n');
    expect(lines.length).toBe(2);
    for (const line of lines) {
      const command = line.replace('npm start --', `'${process.execPath}' bin/midge.js`);
      const { stdout } = await run('sh', ['-c', `${command} --node ${node.url}`]);
      expect(stdout).toMatch(/[0-9a-f]{64}|hello/);
    }
  });

  it('attaches and reads by the public client', async () => {
    const [code = ''] = blocks('js', node.url);
    // In this folder, because that is where the client is installed.
    const file = 'readme-example.tmp.mjs';
    await writeFile(file, code);
    try {
      const { stdout } = await run(process.execPath, [file]);
      expect(stdout.trim()).toBe('hello');
    } finally {
      await rm(file);
    }
  });
});
