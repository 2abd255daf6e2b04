// Which filters are taken, and what is told of a message.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  isUsefulFilter,
  metadataIdOf,
  publicationsOf,
  topicTable,
} from '../../../src/api/mqtt/topics.ts';
import { decodeMessage } from '../../../src/protocol/codec.ts';
import { aMessage } from '../../support/messages.ts';

const id = 'ab'.repeat(32);

describe('filters', () => {
  it.each([
    '#',
    '+',
    '+/+/+',
    'messages',
    'messages/#',
    'messages/+/#',
    'messages/+/metadata',
    'messages/indexation/#',
    'messages/indexation/ff',
    `messages/${id}/metadata`,
    `messages/${id}/#`,
    'messages/referenced',
    'milestones/+',
    `transactions/${id}/included-message`,
    `outputs/${'ab'.repeat(34)}`,
    'addresses/atoi1qpszqzadsym6wpppd6z037dvlejmjuke7s24hm95s9fg9vpua7vluehe53e/outputs',
    `addresses/ed25519/${id}/outputs`,
    'receipts',
  ])('that can match are taken: %s', (filter) => {
    expect(isUsefulFilter(filter)).toBe(true);
  });

  it.each([
    '',
    '/',
    '/messages',
    'messages/',
    'message',
    'messages/indexation/',
    'messages/indexation/FF',
    'messages/indexation/fff',
    `messages/indexation/${'ab'.repeat(65)}`,
    `messages/${id.toUpperCase()}/metadata`,
    `messages/${id}/metadata/more`,
    '$SYS/#',
    '+/+/+/+/+',
    `${'+/'.repeat(200)}#`,
    '__proto__',
    'constructor/+/metadata',
  ])('that cannot are not: %s', (filter) => {
    expect(isUsefulFilter(filter)).toBe(false);
  });

  it('of metadata name one message', () => {
    expect(Buffer.from(metadataIdOf(`messages/${id}/metadata`)!).toString('hex')).toBe(id);
    expect(metadataIdOf('messages/+/metadata')).toBeUndefined();
    expect(metadataIdOf(`messages/${id}/metadata/more`)).toBeUndefined();
    expect(metadataIdOf('messages')).toBeUndefined();
  });
});

describe('what is told of a message', () => {
  it('is its bytes, its metadata, and its bytes under its index', () => {
    const { id: messageId, bytes } = aMessage({ data: 'x' });
    const message = decodeMessage(bytes);
    const told = publicationsOf({ id: messageId, bytes, message });
    const hex = Buffer.from(messageId).toString('hex');
    const index = told.map(({ topic }) => topic).at(-1);
    expect(told.map(({ topic }) => topic)).toEqual(['messages', `messages/${hex}/metadata`, index]);
    expect(index).toMatch(/^messages\/indexation\/([0-9a-f]{2})+$/);
    expect(told[0]?.payload).toEqual(Buffer.from(bytes));
    expect(told[2]?.payload).toEqual(Buffer.from(bytes));
    expect(JSON.parse(String(told[1]?.payload))).toMatchObject({ messageId: hex, isSolid: true });
    expect(told.every(({ topic }) => isUsefulFilter(topic))).toBe(true);
  });
});

it('docs/events.md lists all topics', () => {
  const page = readFileSync('docs/events.md', 'utf8');
  const missing = Object.keys(topicTable).filter((topic) => !page.includes(`\`${topic}\``));
  expect(missing).toEqual([]);
});
