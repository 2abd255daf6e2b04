// Pruned messages from a folder of archives, shown as those of a node are.
import { byId, byIndexKey, searchArchive } from '../backup/archive-read.ts';
import type { ArchiveSearch } from '../backup/archive-read.ts';
import { messageView as jsonOf } from '../api/views.ts';
import { TangleError } from '../errors.ts';
import { decodeMessage } from '../protocol/codec.ts';
import { messageIdHex } from '../protocol/ids.ts';
import type { StoredMessage } from '../storage/store.ts';
import { indexHexOf } from './index-key.ts';
import { messageView } from './message-view.ts';
import { openProgress } from './progress.ts';
import { isId, listView } from './read-view.ts';
import type { ListedMessage, View } from './read-view.ts';

/** Throws MESSAGE_NOT_FOUND, ARCHIVE_FAILED. */
export async function readArchive(folder: string, wanted: string, limit: number): Promise<View> {
  return isId(wanted)
    ? readOne(folder, wanted.toLowerCase())
    : readIndex(folder, indexHexOf(wanted), limit);
}

async function readOne(folder: string, idHex: string): Promise<View> {
  const { messages, damaged } = await search(folder, byId(idHex), 1);
  const [found] = messages;
  if (found === undefined) {
    const but = damaged.length === 0 ? '' : ` ${damagedWords(damaged)}`;
    throw new TangleError('MESSAGE_NOT_FOUND', `There is no message ${idHex} in ${folder}.${but}`);
  }
  const message = listed(found);
  return { json: message, text: messageView(idHex, message) };
}

async function readIndex(folder: string, index: string, limit: number): Promise<View> {
  const { messages, count, damaged } = await search(folder, byIndexKey(index), limit);
  const newestFirst = messages.toReversed().map(listed);
  const found = { index, count, maxResults: Infinity, messageIds: [] };
  const note = damaged.length === 0 ? '' : `\n\n${damagedWords(damaged)}`;
  return {
    json: { index, count, messages: newestFirst, damaged },
    text: listView(found, newestFirst) + note,
  };
}

async function search(
  folder: string,
  wanted: (record: StoredMessage) => boolean,
  limit: number,
): Promise<ArchiveSearch> {
  using progress = openProgress('Reading files');
  return await searchArchive(folder, wanted, {
    limit,
    onFile: (done, total) => progress.update(done, total),
  });
}

function listed({ id, bytes }: StoredMessage): ListedMessage {
  return { messageId: messageIdHex(id), ...jsonOf(decodeMessage(bytes)) };
}

function damagedWords(damaged: ArchiveSearch['damaged']): string {
  return damaged.map(({ name, reason }) => `${name} was read in part: ${reason}`).join(' ');
}
