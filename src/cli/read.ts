// midge read: shows a message, or the newest messages under an index, of a running node.
import { resolve } from 'node:path';
import { TangleError } from '../errors.ts';
import { makeNodeClient } from './client.ts';
import type { NodeClient } from './client.ts';
import { jsonFlag, nodeFlags, parameterAt } from './command.ts';
import type { Command } from './command.ts';
import { jsonLine } from './escape.ts';
import { indexHexOf } from './index-key.ts';
import { messageView } from './message-view.ts';
import { nodeOf } from './node-url.ts';
import { isId, listView } from './read-view.ts';
import type { ListedMessage, View } from './read-view.ts';

const limitFlag = '--limit';
const archiveFlag = '--archive';
const defaultLimit = 10;
const maxLimit = 1000;

export const read: Command = {
  name: 'read',
  summary: 'show a message, or the newest ones under an index',
  parameters: ['<id|index>'],
  flags: [
    ...nodeFlags,
    jsonFlag,
    {
      flag: limitFlag,
      placeholder: 'N',
      description: `Messages of an index to show, the newest [${defaultLimit}].`,
    },
    {
      flag: archiveFlag,
      placeholder: 'FOLDER',
      description:
        'Look among pruned messages, in a folder that pruning.archive filled; no node is asked.',
    },
  ],
  details:
    'What has 64 hex digits is a message id, all else an index: a text, or 0x and hex. Bytes that are no text are shown as a hex dump; control characters are escaped.',
  examples: [
    ['midge read greetings', 'the newest messages under an index'],
    ['midge read 0x00ff --limit 100 --json', 'a binary index, for a script'],
    ['midge read greetings --archive /mnt/nas/archive', 'what was pruned'],
  ],
  run: async (call) => {
    const wanted = parameterAt(call, 0);
    const limit = limitOf(call.flags.get(limitFlag));
    const folder = call.flags.get(archiveFlag);
    const found = await (folder === undefined
      ? readNode(makeNodeClient(nodeOf(call)), wanted, limit)
      : readPruned(resolve(folder), wanted, limit));
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(found.json) : found.text);
  },
};

async function readPruned(folder: string, wanted: string, limit: number): Promise<View> {
  // Imported here, so that reading from a node starts without what archives need.
  const { readArchive } = await import('./read-archive.ts');
  return readArchive(folder, wanted, limit);
}

function readNode(node: NodeClient, wanted: string, limit: number): Promise<View> {
  return isId(wanted)
    ? readMessage(node, wanted.toLowerCase())
    : readIndex(node, indexHexOf(wanted), limit);
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

function limitOf(text: string | undefined): number {
  const limit = Number(text ?? defaultLimit);
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit;
  throw new TangleError(
    'USAGE_INVALID',
    `${limitFlag} takes a whole number from 1 to ${maxLimit}.`,
  );
}
