import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { cliPath, midge, midgeProcess, newFolder, openFakeNode } from './midge.ts';

const messageId = 'ab'.repeat(32);
const jobId = 'cd'.repeat(16);
const jobPath = `/api/midge/v1/attach/${jobId}`;
const isPost = (request: string): boolean => request.startsWith('POST');

/** A job that is done at once. */
const accepted = () => ({ status: 202, body: { data: { jobId, state: 'done', messageId } } });

/** A node that answers the post with a running job, events with these, and the job with this state. */
const working =
  (events: string, state: object = { state: 'done', messageId }) =>
  (request: string) => {
    if (isPost(request)) return { status: 202, body: { data: { jobId, state: 'mining' } } };
    if (request.endsWith('/events')) return { status: 200, body: events };
    return { status: 200, body: { data: { jobId, ...state } } };
  };

const eventOf = (name: string, job: object): string =>
  `: comment\n\nevent: ${name}\ndata: ${JSON.stringify({ jobId, ...job })}\n\n`;

describe.concurrent('midge attach', () => {
  it('posts an index and a text in hex, and tells the id', async () => {
    await using node = await openFakeNode(accepted);
    const result = await midge(['attach', 'greetings', 'hello', '--node', node.url]);
    expect(node.requests).toEqual([
      'POST /api/midge/v1/attach {"payload":{"type":2,"index":"6772656574696e6773","data":"68656c6c6f"}}',
    ]);
    expect(result).toEqual({
      code: 0,
      stdout: `message  ${messageId}\nindex    greetings\ndata     5 bytes\nread it  midge read ${messageId}\n`,
      stderr: '',
    });
  });

  it('takes a file, and standard input, as they are', async () => {
    const path = join(newFolder(), 'data.bin');
    const bytes = Uint8Array.of(0, 255, 10);
    writeFileSync(path, bytes);
    await using node = await openFakeNode(accepted);
    const rest = ['--json', `--node=${node.url}/`];
    const results = [
      await midge(['attach', '0x00FF', `@${path}`, ...rest]),
      await midgeProcess(['attach', '0x00FF', '-', ...rest], { input: bytes }),
    ];
    const request =
      'POST /api/midge/v1/attach {"payload":{"type":2,"index":"00ff","data":"00ff0a"}}';
    expect(node.requests).toEqual([request, request]);
    for (const { stdout } of results) expect(JSON.parse(stdout)).toEqual({ messageId });
  });

  it('asks the node of the settings unless another is named', async () => {
    await using node = await openFakeNode(accepted);
    const env = { MIDGE_API_BIND: node.url.slice('http://'.length) };
    expect((await midge(['attach', 'x', ''], { env })).code).toBe(0);
    expect(node.requests).toHaveLength(1);
  });

  it('takes a text that begins with a dash and no letter', async () => {
    await using node = await openFakeNode(accepted);
    for (const word of ['-5', '-55 degrees, -1 at night', '-']) {
      const data = word === '-' ? '' : Buffer.from(word).toString('hex');
      const line = ['attach', 'notes', word, '--node', node.url];
      const { code } = await midgeProcess(line);
      expect([word, code]).toEqual([word, 0]);
      expect(node.requests.at(-1)).toContain(`"data":"${data}"`);
    }
    const flag = await midge(['attach', 'notes', '-x', '--node', node.url]);
    expect([flag.code, flag.stderr]).toEqual([2, 'midge: -x is not a flag.\n']);
  });

  it.each([
    ['@/nonexist', 'there is no such file; a text that begins with @ comes from standard input'],
    ['@/', 'it is a folder'],
  ])('says why it cannot read %s', async (word, why) => {
    expect(await midge(['attach', 'a', word])).toEqual({
      code: 2,
      stdout: '',
      stderr: `midge: Cannot read ${word.slice(1)}: ${why}.\n`,
    });
  });

  it('refuses more than a message holds before it asks the node', async () => {
    const input = Buffer.alloc(32_769);
    const { code, stderr } = await midgeProcess(['attach', 'x', '-'], { input });
    expect(code).toBe(2);
    expect(stderr).toBe(
      'midge: There is more in standard input than the 32768 bytes of a message.\n',
    );
  });
});

describe.concurrent('a job', () => {
  const line = ['attach', 'x', 'y', '--json', '--node'];
  const ended = { code: 0, stdout: `{"messageId":"${messageId}"}\n`, stderr: '' };

  it('is listened to until it is done', async () => {
    const events = eventOf('progress', { state: 'queued' }) + eventOf('done', accepted().body.data);
    await using node = await openFakeNode(working(events));
    expect(await midge([...line, node.url])).toEqual(ended);
    expect(node.requests.slice(1)).toEqual([`GET ${jobPath}/events`]);
  });

  it.each([
    ['break off', eventOf('progress', { state: 'mining' })],
    ['are garbage', 'data: {\n\ndata: 5\n\n'],
    ['have no end', `data: ${'x'.repeat(100_000)}`],
  ])('is asked after when its events %s', async (_, events) => {
    await using node = await openFakeNode(working(events));
    expect(await midge([...line, node.url])).toEqual(ended);
    expect(node.requests.slice(1)).toEqual([`GET ${jobPath}/events`, `GET ${jobPath}`]);
  });

  it('that fails is told in a sentence', async () => {
    const error = { code: '503', message: 'It broke.', reason: 'pow_failed', requestId: 'r' };
    const events = eventOf('failed', { state: 'failed', error });
    await using node = await openFakeNode(working(events));
    expect(await midge([...line, node.url])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'midge: The node could not attach it: It broke. (pow_failed)\n',
    });
  });

  it('is cancelled by Ctrl-C', async () => {
    let child: ChildProcess | undefined;
    const mining = working('', { state: 'mining' });
    await using node = await openFakeNode((request) => {
      if (request === `GET ${jobPath}`) child?.kill('SIGINT');
      return mining(request);
    });
    child = spawn(process.execPath, [cliPath, ...line, node.url], { cwd: newFolder() });
    const closed = once(child, 'close');
    expect(await text(child.stderr!)).toBe('midge: Cancelled; the message was not attached.\n');
    expect(await closed).toEqual([130, null]);
    expect(node.requests.at(-1)).toBe(`DELETE ${jobPath}`);
  });

  it('is not begun on a node that knows no jobs', async () => {
    await using node = await openFakeNode((request) =>
      request.startsWith('POST /api/v1/messages ')
        ? { status: 201, body: { data: { messageId } } }
        : { status: 404, body: { error: { code: '404', message: 'What?' } } },
    );
    expect(await midge([...line, node.url])).toEqual(ended);
    expect(node.requests.map((request) => request.split(' ')[1])).toEqual([
      '/api/midge/v1/attach',
      '/api/v1/messages',
    ]);
  });
});

describe.concurrent('an answer that is an error', () => {
  it('is told in one sentence, without its control characters', async () => {
    await using node = await openFakeNode(() => ({
      status: 503,
      body: { error: { code: '503', message: 'Too \u001B[31mbusy', reason: 'pow_busy' } },
      headers: { 'retry-after': '7' },
    }));
    expect(await midge(['attach', 'x', 'y', '--node', node.url])).toEqual({
      code: 1,
      stdout: '',
      stderr: String.raw`midge: Too \x1b[31mbusy (HTTP 503, pow_busy) Try again in 7 s.` + '\n',
    });
  });

  it.each([
    [502, '<html>', 'The node answered with HTTP status 502.'],
    [200, '<html>', 'does not do so as a node does.'],
    [201, { data: { messageId } }, 'does not do so as a node does.'],
    [201, 'x'.repeat(1024 * 1024 + 1), 'does not do so as a node does.'],
  ])('or nonsense (%i) is told as that', async (status, body, sentence) => {
    await using node = await openFakeNode(() => ({ status, body }));
    const { code, stderr } = await midge(['attach', 'x', 'y', '--node', node.url]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^midge: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });

  it('may be none at all', async () => {
    const node = await openFakeNode(accepted);
    await node[Symbol.asyncDispose]();
    const { code, stderr } = await midge(['attach', 'x', 'y', '--node', node.url]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `midge: No node answers at ${node.url}: start one with "midge", or name another with --node URL.\n`,
    );
  });
});
