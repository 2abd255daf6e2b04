// Messages as text for people. Everything in them came from strangers.
import { escapeBlock, escapeLine } from './escape.ts';
import { indexWords } from './index-key.ts';
import { alignColumns, counted } from './layout.ts';
import { indexationOf, payloadName } from './replies.ts';
import type { MessageReply } from './replies.ts';

const maxDumpBytes = 512;
const previewCharacters = 60;
const bytesPerRow = 16;

/** The whole message, its data below. */
export function messageView(id: string, message: MessageReply): string {
  const indexation = indexationOf(message);
  const [firstParent = 'none', ...parents] = message.parentMessageIds;
  const rows = [
    ['message', id],
    ['parents', firstParent],
    ...parents.map((parent) => ['', parent]),
    ['network', message.networkId],
    ['nonce', message.nonce],
    ['payload', payloadName(message)],
  ];
  if (indexation === undefined) return alignColumns(rows);
  const { indexHex, data } = indexation;
  rows.push(['index', indexWords(indexHex)], ['data', counted(data.length, 'byte')]);
  return data.length === 0 ? alignColumns(rows) : `${alignColumns(rows)}\n\n${dataView(data)}`;
}

/** One line: what a list shows of a message. */
export function messagePreview(message: MessageReply): string {
  const indexation = indexationOf(message);
  if (indexation === undefined) return `(${payloadName(message)})`;
  const text = textOf(indexation.data);
  if (text === undefined) return `(${counted(indexation.data.length, 'byte')})`;
  const line = escapeLine(text.replaceAll(/\s+/g, ' ').trim());
  return line.length > previewCharacters ? `${line.slice(0, previewCharacters - 1)}…` : line;
}

/** Text as it is but for control characters, other bytes as a hex dump. */
export function dataView(data: Uint8Array): string {
  const text = textOf(data);
  return text === undefined ? hexDump(data) : escapeBlock(text);
}

function hexDump(data: Uint8Array): string {
  const shown = data.subarray(0, maxDumpBytes);
  const rows = Array.from({ length: Math.ceil(shown.length / bytesPerRow) }, (_, row) => {
    const bytes = shown.subarray(row * bytesPerRow, (row + 1) * bytesPerRow);
    const offset = (row * bytesPerRow).toString(16).padStart(8, '0');
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = Array.from(bytes, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
    ).join('');
    return `${offset}  ${hex.padEnd(bytesPerRow * 3)} ${ascii}`;
  });
  const hiddenCount = data.length - shown.length;
  return [...rows, ...(hiddenCount > 0 ? [`… and ${counted(hiddenCount, 'more byte')}`] : [])].join(
    '\n',
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined when the bytes are no UTF-8, or more than one character in ten is a control. */
function textOf(data: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(data);
    const controlCount = text.match(/[\p{Cc}--\s]/gv)?.length ?? 0;
    return controlCount * 10 > text.length ? undefined : text;
  } catch {
    return undefined;
  }
}
