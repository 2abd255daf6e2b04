import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { midge, midgeProcess, newFolder, openFakeNode } from './midge.ts';

const messageId = 'ab'.repeat(32);
const accepted = () => ({ status: 201, body: { data: { messageId } } });

describe.concurrent('midge attach', () => {
  it('posts an index and a text in hex, and tells the id', async () => {
    await using node = await openFakeNode(accepted);
    const result = await midge(['attach', 'greetings', 'hello', '--node', node.url]);
    expect(node.requests).toEqual([
      'POST /api/v1/messages {"payload":{"type":2,"index":"6772656574696e6773","data":"68656c6c6f"}}',
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
    const request = 'POST /api/v1/messages {"payload":{"type":2,"index":"00ff","data":"00ff0a"}}';
    expect(node.requests).toEqual([request, request]);
    for (const { stdout } of results) expect(JSON.parse(stdout)).toEqual({ messageId });
  });

  it('asks the node of the settings unless another is named', async () => {
    await using node = await openFakeNode(accepted);
    const env = { MIDGE_API_BIND: node.url.slice('http://'.length) };
    expect((await midge(['attach', 'x', ''], { env })).code).toBe(0);
    expect(node.requests).toHaveLength(1);
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
    [201, { data: { messageId: 'x' } }, 'does not do so as a node does.'],
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
