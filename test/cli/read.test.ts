import { Archive } from '../../src/backup/archive.ts';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import { aRecord, network } from '../storage/support.ts';
import { describe, expect, it } from 'vitest';
import { midge, newFolder, openFakeNode } from './midge.ts';
import type { Answer } from './midge.ts';

const ids = ['11', '22', '33'].map((byte) => byte.repeat(32));
const message = {
  networkId: '7',
  parentMessageIds: [ids[0]],
  payload: { type: 2, index: '6d', data: '68656c6c6f' },
  nonce: '1',
};

/** Holds three messages under the index `m`. */
function answer(request: string): Answer {
  if (request.startsWith('GET /api/v1/messages?index=')) {
    const index = request.split('=')[1];
    const messageIds = index === '6d' ? ids : [];
    const found = { index, maxResults: 1000, count: messageIds.length, messageIds };
    return { status: 200, body: { data: found } };
  }
  if (ids.some((id) => request === `GET /api/v1/messages/${id}`)) {
    return { status: 200, body: { data: message } };
  }
  const error = { code: '404', message: 'There is no such message.', reason: 'message_not_found' };
  return { status: 404, body: { error } };
}

describe.concurrent('midge read', () => {
  it('shows the message with an id', async () => {
    await using node = await openFakeNode(answer);
    const { code, stdout } = await midge(['read', ids[1]!, '--node', node.url]);
    expect(code).toBe(0);
    expect(stdout).toContain(`message  ${ids[1]}\nparents  ${ids[0]}\n`);
    expect(stdout).toMatch(/\n\nhello\n$/);
  });

  it('prints it as JSON for scripts', async () => {
    await using node = await openFakeNode(answer);
    const { stdout } = await midge(['read', ids[1]!.toUpperCase(), '--json', '--node', node.url]);
    expect(JSON.parse(stdout)).toEqual({ messageId: ids[1], ...message });
  });

  it('lists the newest messages under an index', async () => {
    await using node = await openFakeNode(answer);
    const args = ['read', 'm', '--limit', '2', '--node', node.url];
    const [text, json] = await Promise.all([midge(args), midge([...args, '--json'])]);
    expect(text.stdout).toBe(
      `3 messages under m, newest first\n\n${ids[0]}  hello\n${ids[1]}  hello\n`,
    );
    expect(JSON.parse(json.stdout)).toEqual({
      index: '6d',
      count: 3,
      messages: ids.slice(0, 2).map((messageId) => ({ messageId, ...message })),
    });
  });

  it('says so when an index has no messages', async () => {
    await using node = await openFakeNode(answer);
    const { code, stdout } = await midge(['read', '0xff', '--node', node.url]);
    expect([code, stdout]).toEqual([0, 'There are no messages under 0xff.\n']);
  });

  it('tells what the node says of an unknown message', async () => {
    await using node = await openFakeNode(answer);
    const { code, stderr } = await midge(['read', 'ff'.repeat(32), '--node', node.url]);
    expect(code).toBe(1);
    expect(stderr).toBe('midge: There is no such message. (HTTP 404, message_not_found)\n');
  });
});

describe('midge read --archive', () => {
  it('shows pruned messages by id and by index, without a node', async () => {
    const folder = newFolder();
    const records = Array.from({ length: 12 }, (_, at) => ({
      ...aRecord({ index: 'kept' }),
      seq: at + 1,
    }));
    {
      await using archive = await Archive.open(
        { folder, network },
        { logId: () => 'aa'.repeat(16), now: () => 0, log: silentLogger },
      );
      await archive.append(records);
    }
    const newest = messageIdHex(records[11]!.id);
    const byKey = await midge(['read', 'kept', '--archive', folder, '--limit', '2']);
    expect(byKey.stdout).toMatch(/^12 messages under kept, newest first\n/);
    expect(byKey.stdout.split('\n')[2]).toContain(newest);
    const json = await midge(['read', 'kept', '--archive', folder, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ count: 12, damaged: [] });
    const byId = await midge(['read', newest, '--archive', folder]);
    expect(byId.stdout).toContain(`message  ${newest}`);
    const none = await midge(['read', '00'.repeat(32), '--archive', folder]);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain('There is no message');
  });
});
