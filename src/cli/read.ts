// midge read: shows a message, or the newest messages under an index, of a running node.
import { TangleError } from '../errors.ts';
import { makeNodeClient } from './client.ts';
import type { NodeClient } from './client.ts';
import { jsonFlag, nodeFlag, parameterAt } from './command.ts';
import type { Command } from './command.ts';
import { jsonLine } from './escape.ts';
import { indexHexOf, indexWords } from './index-key.ts';
import { alignColumns, counted } from './layout.ts';
import { messagePreview, messageView } from './message-view.ts';
import { nodeUrlOf } from './node-url.ts';
import type { FoundReply, MessageReply } from './replies.ts';

const limitFlag = '--limit';
const defaultLimit = 10;
const maxLimit = 1000;

export const read: Command = {
  name: 'read',
  summary: 'show a message, or the newest ones under an index',
  parameters: ['<id|index>'],
  flags: [
    nodeFlag,
    jsonFlag,
    {
      flag: limitFlag,
      placeholder: 'N',
      description: `Messages of an index to show, the newest [${defaultLimit}].`,
    },
  ],
  details:
    'What has 64 hex digits is a message id, all else an index: a text, or 0x and hex. Bytes that are no text are shown as a hex dump; control characters are escaped.',
  examples: [
    ['midge read greetings', 'the newest messages under an index'],
    ['midge read 0x00ff --limit 100 --json', 'a binary index, for a script'],
  ],
  run: async (call) => {
    const wanted = parameterAt(call, 0);
    const limit = limitOf(call.flags.get(limitFlag));
    const node = makeNodeClient(nodeUrlOf(call));
    const found = /^[0-9a-f]{64}$/i.test(wanted)
      ? await readMessage(node, wanted.toLowerCase())
      : await readIndex(node, indexHexOf(wanted), limit);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(found.json) : found.text);
  },
};

/** The same for a script and for a person. */
interface View {
  readonly json: unknown;
  readonly text: string;
}

interface ListedMessage extends MessageReply {
  readonly messageId: string;
}

async function readMessage(node: NodeClient, messageId: string): Promise<View> {
  const message = await node.message(messageId);
  return { json: { messageId, ...message }, text: messageView(messageId, message) };
}

async function readIndex(node: NodeClient, indexHex: string, limit: number): Promise<View> {
  const found = await node.find(indexHex);
  const messages: ListedMessage[] = [];
  for (const messageId of found.messageIds.slice(0, limit)) {
    messages.push({ messageId, ...(await node.message(messageId)) });
  }
  const { index, count } = found;
  return { json: { index, count, messages }, text: listView(found, messages) };
}

/** Newest first, a line each. */
export function listView(found: FoundReply, messages: readonly ListedMessage[]): string {
  const { count, maxResults, index } = found;
  const words = indexWords(index);
  if (count === 0) return `There are no messages under ${words}.`;
  const total = count < maxResults ? counted(count, 'message') : `${count} messages or more`;
  const title = `${total} under ${words}, newest first`;
  const rows = messages.map((message) => [message.messageId, messagePreview(message)]);
  return [title, '', alignColumns(rows)].join('\n');
}

function limitOf(text: string | undefined): number {
  const limit = Number(text ?? defaultLimit);
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit;
  throw new TangleError(
    'USAGE_INVALID',
    `${limitFlag} takes a whole number from 1 to ${maxLimit}.`,
  );
}
