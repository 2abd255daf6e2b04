// Messages for the benches of the store: the same ones in every run and on every machine, made once and kept
// in a file, because the work for a million of them takes minutes.
import { createCipheriv } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { genesisId } from '../src/protocol/ids.ts';
import type { MessageId } from '../src/protocol/ids.ts';
import { aMessage } from '../test/support/messages.ts';

/** Each with two parents, one index key and work for score 1. */
export const messageBytes = 300;
/** All but the payload's data: two parents, a key of 12 bytes. */
const headBytes = 107;
/** Each index key has this many messages, spread over all of the log. */
export const messagesPerKey = 50;
/** Parents are drawn from as many of the newest messages: a few batches' worth, as in a busy Tangle. */
const width = 300;
const messagesPerWrite = 1_000;
const folder = join('node_modules', '.cache', 'midge-bench');

export const keyCountOf = (count: number): number => Math.ceil(count / messagesPerKey);
export const indexKeyOf = (key: number): string => `sensor${String(key).padStart(6, '0')}`;

/** The file with the messages, one after the other. */
export async function corpusOf(count: number): Promise<string> {
  const file = join(folder, `messages-${count}.v1`);
  if (existsSync(file)) return file;
  if (count > 10_000) console.error(`Making ${count} messages, once: some minutes a million ...`);
  await mkdir(folder, { recursive: true });
  const partial = `${file}.${process.pid}`;
  await using target = await open(partial, 'w');
  let chunk: Uint8Array[] = [];
  for (const bytes of makeMessages(count)) {
    chunk.push(bytes);
    if (chunk.length < messagesPerWrite) continue;
    await target.write(Buffer.concat(chunk));
    chunk = [];
  }
  await target.write(Buffer.concat(chunk));
  await rename(partial, file);
  return file;
}

function* makeMessages(count: number): Generator<Uint8Array, void, undefined> {
  // Bytes that nothing compresses, yet the same every time.
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const random = (size: number): Buffer => stream.update(Buffer.alloc(size));
  const newest: MessageId[] = [];
  const keyCount = keyCountOf(count);
  for (let n = 0; n < count; n++) {
    const draw = (): MessageId => newest[random(4).readUInt32LE() % newest.length] ?? genesisId;
    const [first, second] = [draw(), draw()];
    const isOne = Buffer.compare(first, second) === 0;
    const parents = isOne ? [first] : [first, second];
    // A single parent makes the message shorter by an id, the data longer by as much.
    const data = random(messageBytes - headBytes + (isOne ? 32 : 0));
    const message = aMessage({ parents, index: indexKeyOf(n % keyCount), data });
    newest[n % width] = message.id;
    yield message.bytes;
  }
}

/** The messages of the file in lists of `size`, and never much of the file in memory. */
export async function* readCorpus(
  file: string,
  size: number,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const stream = createReadStream(file, { highWaterMark: size * messageBytes });
  let rest = Buffer.alloc(0);
  for await (const part of stream) {
    rest = Buffer.concat([rest, part as Buffer]);
    const whole = rest.length - (rest.length % messageBytes);
    const list: Uint8Array[] = [];
    for (let at = 0; at < whole; at += messageBytes) {
      // A copy, as what comes from a network is: a view would keep the whole chunk in memory.
      list.push(new Uint8Array(rest.subarray(at, at + messageBytes)));
    }
    rest = rest.subarray(whole);
    yield list;
  }
}
