import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { midge, newFolder, openFakeNode } from './midge.ts';
import type { Answer } from './midge.ts';

const id = 'ab'.repeat(32);
const totals = { keptMessages: 1, usedBytes: 2_097_152, maxBytes: 4_194_304, missedMessages: 0 };

/** Runs a command at a node that answers so; returns what it printed and what the node was asked. */
async function run(words: readonly string[], answer: Answer) {
  const dataDir = newFolder();
  writeFileSync(join(dataDir, 'api.token'), 'secret\n');
  await using node = await openFakeNode(() => answer);
  const place = ['--data-dir', dataDir, '--node', node.url];
  return { ...(await midge([...words, ...place])), requests: node.requests };
}

describe('midge pin add', () => {
  it.each([
    [id.toUpperCase(), `{"messageId":"${id}"}`, `The message ${id}`],
    ['greetings', '{"index":"6772656574696e6773"}', 'The index greetings'],
    ['0x00FF', '{"index":"00ff"}', 'The index 0x00ff'],
    [`0x${id}`, `{"index":"${id}"}`, `The index 0x${id}`],
  ])('pins %s', async (word, body, words) => {
    const done = await run(['pin', 'add', word], { status: 200, body: { data: totals } });
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.requests).toEqual([`POST /api/midge/v1/pins ${body}`]);
    expect(done.stdout).toBe(
      `${words} is pinned now. Pins take 2.0 MiB of 4.0 MiB; 1 pruned message kept.\n`,
    );
  });

  it('says why it cannot, and what it takes', async () => {
    const error = { code: '410', message: 'It was pruned.', reason: 'message_pruned' };
    const refused = await run(['pin', 'add', id], { status: 410, body: { error } });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('It was pruned. (HTTP 410, message_pruned)');
    const long = await run(['pin', 'add', 'x'.repeat(65)], { status: 200, body: {} });
    expect([long.code, long.requests]).toEqual([2, []]);
    expect((await run(['pin', 'add'], { status: 200, body: {} })).code).toBe(2);
  });
});

describe('midge pin remove', () => {
  it.each([
    [id, `messageId=${id}`, `The message ${id}`],
    ['greetings', 'index=6772656574696e6773', 'The index greetings'],
  ])('unpins %s', async (word, query, words) => {
    const done = await run(['pin', 'remove', word], { status: 204, body: '' });
    expect(done).toMatchObject({ code: 0, stdout: `${words} is pinned no longer.\n` });
    expect(done.requests).toEqual([`DELETE /api/midge/v1/pins?${query}`]);
  });
});

describe('midge pin list', () => {
  const list = {
    messages: [{ messageId: id, sizeBytes: 353, state: 'kept' }],
    indexes: ['6772656574696e6773', '1b5b'],
    ...totals,
    missedMessages: 7,
  };

  it('shows what is pinned, and nothing that a terminal would obey', async () => {
    const { stdout } = await run(['pin', 'list'], { status: 200, body: { data: list } });
    expect(stdout).toBe(
      [
        'Pins take 2.0 MiB of 4.0 MiB; 1 pruned message kept.',
        'There was no room for 7 messages of a pinned index since the start.',
        '',
        'index    greetings',
        'index    0x1b5b',
        `message  ${id}  kept  353 bytes`,
        '',
      ].join('\n'),
    );
  });

  it('is told as JSON, too, and what to do when there is none', async () => {
    const json = await run(['pin', 'list', '--json'], { status: 200, body: { data: list } });
    expect(JSON.parse(json.stdout)).toEqual(list);
    const none = { ...list, messages: [], indexes: [] };
    const { stdout } = await run(['pin', 'list'], { status: 200, body: { data: none } });
    expect(stdout).toBe(
      'Nothing is pinned; pin a message or an index with: midge pin add <id|index>\n',
    );
  });
});
