// What midge read shows, wherever the messages come from.
import { indexWords } from './index-key.ts';
import { alignColumns, counted } from './layout.ts';
import { messagePreview } from './message-view.ts';
import type { FoundReply, MessageReply } from './replies.ts';

/** The same for a script and for a person. */
export interface View {
  readonly json: unknown;
  readonly text: string;
}

export interface ListedMessage extends MessageReply {
  readonly messageId: string;
}

/** Whether a person means a message by it; all else is an index. */
export function isId(wanted: string): boolean {
  return /^[0-9a-f]{64}$/i.test(wanted);
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
