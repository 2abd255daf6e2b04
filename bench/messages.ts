// Messages as neighbours send them, made once and kept in a file, so that making them is not measured.
import { readFileSync } from 'node:fs';
import { genesisId } from '../src/protocol/ids.ts';
import type { MessageId } from '../src/protocol/ids.ts';
import { aMessage } from '../test/support/messages.ts';

export interface MessagesWish {
  readonly count: number;
  /** Besides some 150 bytes of header, parents and index key. */
  readonly dataBytes: number;
  readonly networkId?: bigint;
}

/** Two parents and one index key each, parents first, with work for score 1, length-prefixed. */
export function makeMessages({ count, dataBytes, ...wish }: MessagesWish): Uint8Array {
  const parts: Uint8Array[] = [];
  const recent: MessageId[] = [genesisId];
  for (let n = 0; n < count; n++) {
    const pick = (back: number): MessageId =>
      recent[Math.max(0, recent.length - back)] ?? genesisId;
    const parents = recent.length < 9 ? [genesisId] : [pick(1 + (n % 3)), pick(5 + (n % 4))];
    const message = aMessage({
      ...wish,
      parents,
      index: `bench ${n % 100}`,
      data: `${n}`.padEnd(dataBytes, '.'),
    });
    recent.push(message.id);
    if (recent.length > 20) recent.shift();
    const size = new Uint8Array(2);
    new DataView(size.buffer).setUint16(0, message.bytes.length);
    parts.push(size, message.bytes);
  }
  return Buffer.concat(parts);
}

export function readMessages(file: string): Uint8Array[] {
  const all = readFileSync(file);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < all.length;) {
    const size = all.readUInt16BE(at);
    messages.push(all.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
  return messages;
}
