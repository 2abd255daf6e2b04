import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { cliPath, midge, midgeProcess, newFolder } from './midge.ts';

interface Line {
  readonly event?: string;
  readonly apiUrl?: string;
}

/** Any free port, easy work, one thread. */
const light = [
  '--api.bind=127.0.0.1:0',
  '--gossip.bind=/ip4/127.0.0.1/tcp/0',
  '--network.min-pow-score=1',
  '--pow.workers=1',
];

function startNode(...flags: string[]) {
  const dataDir = join(newFolder(), 'data');
  const args = [cliPath, 'run', '--data-dir', dataDir, ...light, ...flags];
  const child = spawn(process.execPath, args);
  const lines: Line[] = [];
  const ready = Promise.withResolvers<string>();
  createInterface(child.stdout).on('line', (line) => {
    const entry = JSON.parse(line) as Line;
    lines.push(entry);
    if (entry.event === 'ready') ready.resolve(entry.apiUrl ?? '');
  });
  const exit = once(child, 'exit').then(([code]: unknown[]) => {
    ready.reject(new Error(`The node ended with ${String(code)} before it was ready.`));
    return code;
  });
  const ended = Promise.all([exit, text(child.stderr)]).then(([code, stderr]) => ({
    code,
    stderr,
  }));
  return {
    child,
    dataDir,
    lines,
    ready: ready.promise,
    ended,
    [Symbol.dispose]: () => child.kill('SIGKILL'),
  };
}

describe('midge run', () => {
  it('serves until it is asked to end, and leaves a folder that can be indexed again', async () => {
    using node = startNode();
    const { dataDir } = node;
    const url = await node.ready;

    const attached = await midge(['attach', 'greetings', 'hello', '--json', '--node', url]);
    expect(attached).toMatchObject({ code: 0, stderr: '' });
    const found = await midge(['read', 'greetings', '--node', url]);
    expect(found.stdout).toMatch(
      /^1 message under greetings, newest first\n\n[0-9a-f]{64} {2}hello\n$/,
    );

    const second = await midgeProcess(['--data-dir', dataDir, ...light]);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(/^midge: The data folder [^\n]+ is in use [^\n]+\n$/);

    // As under npm, which passes on a Ctrl-C that the terminal sent already.
    node.child.kill('SIGINT');
    node.child.kill('SIGINT');
    expect(await node.ended).toEqual({ code: 0, stderr: '' });
    expect(node.lines.filter(({ event }) => event === 'ready')).toHaveLength(1);

    const reindexed = await midge(['db', 'reindex', '--data-dir', dataDir]);
    expect(reindexed).toMatchObject({ code: 0, stdout: `Indexed 1 message of ${dataDir}.\n` });
  });

  it('mines for nobody when it is told so, and says so', async () => {
    using node = startNode('--pow.enabled=false');
    const url = await node.ready;
    const read = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
    expect(await read('/api/v1/info')).toMatchObject({ data: { features: [] } });
    expect(await read('/api/midge/v1/pow')).toEqual({ data: { enabled: false } });
    const attached = await midge(['attach', 'greetings', 'hello', '--node', url]);
    expect(attached).toMatchObject({ code: 1, stdout: '' });
    expect(attached.stderr).toContain('(HTTP 400, pow_disabled)');
    node.child.kill();
    expect(await node.ended).toEqual({ code: 0, stderr: '' });
  });

  it('goes on when nobody reads what it writes', async () => {
    using node = startNode();
    const url = await node.ready;
    node.child.stdout.destroy();
    node.child.kill('SIGTERM');
    expect(await node.ended).toEqual({ code: 0, stderr: '' });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('says in a sentence that its address is taken', async () => {
    using node = startNode();
    const { host } = new URL(await node.ready);
    const dataDir = join(newFolder(), 'data');
    const second = await midgeProcess([...light, '--api.bind', host, '--data-dir', dataDir]);
    node.child.kill();
    await node.ended;
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(new RegExp(`^midge: ${host} is taken; [^\\n]+\\n$`));
  });
});
