// midge attach: sends a message to a running node, which chooses its parents and mines.
import { createReadStream } from 'node:fs';
import { TangleError } from '../errors.ts';
import { maxMessageBytes } from '../protocol/message.ts';
import { readAtMost } from './bounded.ts';
import { makeNodeClient } from './client.ts';
import type { NodeClient } from './client.ts';
import { jsonFlag, nodeFlags, parameterAt } from './command.ts';
import type { Command } from './command.ts';
import { jsonLine } from './escape.ts';
import { indexHexOf, indexWords } from './index-key.ts';
import { alignColumns, counted } from './layout.ts';
import { followJob } from './mining.ts';
import { nodeOf } from './node-url.ts';
import { programWords } from './program.ts';
import { withSpinner } from './progress.ts';

export const attach: Command = {
  name: 'attach',
  summary: 'send a message to a running node',
  parameters: ['<index>', '<text|@file|->'],
  flags: [...nodeFlags, jsonFlag],
  details:
    'Sends data under an index, the name by which it can be found again. The data is the text itself, the bytes of a file, or what standard input holds. An index that is no text is written as 0x and hex. Ctrl-C cancels.',
  examples: [
    ['midge attach greetings "hello Tangle"', 'a text'],
    ['midge attach photos @cat.jpg', 'a file of at most 32 KiB'],
    ['date | midge attach 0x00ff - --json', 'standard input, under a binary index'],
    ['midge attach notes -- "-v"', 'a text that looks like a flag'],
  ],
  run: async (call) => {
    const indexHex = indexHexOf(parameterAt(call, 0));
    const data = await dataOf(parameterAt(call, 1));
    const node = makeNodeClient(nodeOf(call));
    const messageId = await attachTo(node, indexHex, Buffer.from(data).toString('hex'));
    const view = call.flags.has(jsonFlag.flag)
      ? jsonLine({ messageId })
      : alignColumns([
          ['message', messageId],
          ['index', indexWords(indexHex)],
          ['data', counted(data.length, 'byte')],
          ['read it', `${programWords()} read ${messageId}`],
        ]);
    call.print(view);
  },
};

/** As a job, so that its progress can be shown; a node without jobs is waited for. */
async function attachTo(node: NodeClient, indexHex: string, dataHex: string): Promise<string> {
  const job = await node.startJob(indexHex, dataHex);
  if (job !== undefined) return followJob(node, job);
  return withSpinner('The node is mining,', node.attach(indexHex, dataHex));
}

/** The bytes that the parameter means. Throws USAGE_INVALID. */
async function dataOf(parameter: string): Promise<Uint8Array> {
  if (parameter === '-') return readData(process.stdin, 'standard input');
  if (!parameter.startsWith('@')) return Buffer.from(parameter, 'utf8');
  const path = parameter.slice(1);
  return readData(createReadStream(path), path);
}

async function readData(chunks: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  let data: Uint8Array | undefined;
  try {
    data = await readAtMost(chunks, maxMessageBytes);
  } catch (error) {
    throw new TangleError('USAGE_INVALID', `Cannot read ${name}: ${whyUnread(error)}.`, {
      cause: error,
    });
  }
  if (data !== undefined) return data;
  throw new TangleError(
    'USAGE_INVALID',
    `There is more in ${name} than the ${maxMessageBytes} bytes of a message.`,
  );
}

/** The system's codes in words. */
const readFailures: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; a text that begins with @ comes from standard input',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not',
};

function whyUnread(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return readFailures[code] ?? (error instanceof Error ? error.message : String(error));
}
