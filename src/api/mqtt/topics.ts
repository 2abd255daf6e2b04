// THE table of MQTT topics, with the field's names. docs/events.md lists the same.
import { hexOf } from '../../protocol/bytes.ts';
import { messageIdHex, parseMessageId } from '../../protocol/ids.ts';
import type { MessageId } from '../../protocol/ids.ts';
import { payloadTypes } from '../../protocol/message.ts';
import type { Message } from '../../protocol/message.ts';
import { metadataView } from '../views.ts';

interface TopicRow {
  /** What stands at the named level of the topic. */
  readonly variable?: RegExp;
  /** Topics of milestones and of the ledger are taken, so that programs for the field's nodes run, and stay silent. */
  readonly isSilent?: true;
}

const id = /^[0-9a-f]{64}$/;
const silent = { isSilent: true } as const;

export const topicTable = {
  messages: {},
  'messages/indexation/{index}': { variable: /^([0-9a-f]{2}){1,64}$/ },
  'messages/{messageId}/metadata': { variable: id },
  'messages/referenced': silent,
  'milestones/latest': silent,
  'milestones/confirmed': silent,
  'transactions/{transactionId}/included-message': { ...silent, variable: id },
  'outputs/{outputId}': { ...silent, variable: /^[0-9a-f]{68}$/ },
  'addresses/{address}/outputs': { ...silent, variable: /^[a-z0-9]{1,90}$/ },
  'addresses/ed25519/{address}/outputs': { ...silent, variable: id },
  receipts: silent,
} as const satisfies Record<string, TopicRow>;

/** Of a level: the word itself, or what a variable looks like. */
type Level = string | RegExp;

const templates: readonly (readonly Level[])[] = Object.entries(topicTable).map(
  ([template, { variable = id }]: [string, TopicRow]) =>
    template.split('/').map((level) => (level.startsWith('{') ? variable : level)),
);

/** Longer than any topic there is. */
const maxFilterLength = 256;

/** Whether a filter, with or without wildcards, can ever match a topic of the table. */
export function isUsefulFilter(filter: string): boolean {
  if (filter.length > maxFilterLength) return false;
  const levels = filter.split('/');
  return templates.some((template) => meet(levels, template));
}

function meet(filter: readonly string[], template: readonly Level[]): boolean {
  for (const [position, wanted] of filter.entries()) {
    // Also the level above: `messages/#` is `messages`, too.
    if (wanted === '#') return true;
    const level = template[position];
    if (level === undefined || !meetLevel(wanted, level)) return false;
  }
  return filter.length === template.length;
}

function meetLevel(wanted: string, level: Level): boolean {
  if (wanted === '+') return true;
  return typeof level === 'string' ? wanted === level : level.test(wanted);
}

export interface Publication {
  readonly topic: string;
  readonly payload: Buffer;
}

/** What is told of a message when it becomes solid. */
export function publicationsOf(stored: {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  readonly message: Message;
}): Publication[] {
  const { bytes, message } = stored;
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const told = [{ topic: 'messages', payload }, metadataOf(stored.id, message)];
  // As in the field: not the indexation inside a transaction, which searches by index do find.
  if (message.payload?.type !== payloadTypes.indexation) return told;
  return [...told, { topic: `messages/indexation/${hexOf(message.payload.index)}`, payload }];
}

export function metadataOf(messageId: MessageId, message: Message): Publication {
  return {
    topic: `messages/${messageIdHex(messageId)}/metadata`,
    payload: Buffer.from(JSON.stringify(metadataView(messageId, message))),
  };
}

/** The message whose metadata an exact filter asks for. */
export function metadataIdOf(filter: string): MessageId | undefined {
  const [first, hex = '', third, ...rest] = filter.split('/');
  if (first !== 'messages' || third !== 'metadata' || rest.length > 0 || !id.test(hex)) {
    return undefined;
  }
  return parseMessageId(hex, 'messageId');
}
