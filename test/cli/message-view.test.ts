import { describe, expect, it } from 'vitest';
import { dataView, messagePreview, messageView } from '../../src/cli/message-view.ts';
import type { MessageReply } from '../../src/cli/replies.ts';

const parentIds = ['11'.repeat(32), '22'.repeat(32)];
const id = 'ab'.repeat(32);

function reply(payload?: object): MessageReply {
  const message = { networkId: '7', parentMessageIds: parentIds, nonce: '28110' };
  return payload === undefined ? message : { ...message, payload: { type: 9, ...payload } };
}

function indexation(data: string | Uint8Array, index = 'greetings'): MessageReply {
  return reply({
    type: 2,
    index: Buffer.from(index).toString('hex'),
    data: Buffer.from(data).toString('hex'),
  });
}

describe('a message', () => {
  it('shows its parts, and its data below', () => {
    expect(messageView(id, indexation('hello\nTangle'))).toBe(
      [
        `message  ${id}`,
        `parents  ${parentIds[0]}`,
        `         ${parentIds[1]}`,
        'network  7',
        'nonce    28110',
        'payload  indexation',
        'index    greetings',
        'data     12 bytes',
        '',
        'hello',
        'Tangle',
      ].join('\n'),
    );
  });

  it('without a payload, or with one that is not read, shows what there is', () => {
    expect(messageView(id, reply())).toMatch(/payload {2}none$/);
    expect(messageView(id, reply({ type: 1 }))).toMatch(/payload {2}milestone$/);
    expect(messageView(id, reply({ type: 77 }))).toMatch(/payload {2}type 77$/);
    expect(messageView(id, { ...reply(), payload: null })).toMatch(/payload {2}none$/);
  });

  it('shows the indexation inside a transaction', () => {
    const { payload } = indexation('paid');
    const view = messageView(id, reply({ type: 0, essence: { payload } }));
    expect(view).toContain('payload  transaction\nindex    greetings\ndata     4 bytes\n\npaid');
  });

  it('whose indexation has no data ends there', () => {
    expect(messageView(id, reply({ type: 2, index: '6d' }))).toMatch(
      /index {4}m\ndata {5}0 bytes$/,
    );
  });

  it('cannot write to the terminal what it likes', () => {
    const view = messageView(id, indexation('\u001B[2Jfake\rline', 'a\u001B]0;x'));
    expect(view).not.toMatch(/[\p{Cc}--\n]/v);
    expect(view).toContain(String.raw`\x1b[2Jfake\x0dline`);
  });
});

describe('data', () => {
  it('is shown as text when it is text', () => {
    expect(dataView(Buffer.from('Grüße\n世界'))).toBe('Grüße\n世界');
  });

  it.each([
    ['no UTF-8', [0xff, 0xfe, 0x41]],
    ['mostly controls', [0, 1, 2, 0x41]],
  ])('is dumped when it is %s', (_, bytes) => {
    expect(dataView(Uint8Array.from(bytes))).toMatch(/^00000000 {2}[0-9a-f ]+\.+A$/);
  });

  it('is dumped sixteen bytes a line', () => {
    const bytes = Uint8Array.from({ length: 18 }, (_, index) => 0xf0 + (index % 16));
    expect(dataView(bytes)).toBe(
      [
        '00000000  f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff  ................',
        '00000010  f0 f1                                            ..',
      ].join('\n'),
    );
  });

  it('is dumped up to 512 bytes', () => {
    expect(dataView(new Uint8Array(512)).split('\n')).toHaveLength(32);
    expect(dataView(new Uint8Array(513))).toMatch(/\n… and 1 more byte$/);
  });
});

describe('a preview', () => {
  it.each([
    ['text', 'one\n  two, three\u001B', String.raw`one two, three\x1b`],
    ['60 characters', 'x'.repeat(60), 'x'.repeat(60)],
    ['61 characters', 'x'.repeat(61), `${'x'.repeat(59)}…`],
    ['binary', Uint8Array.of(0, 1, 2), '(3 bytes)'],
  ])('of %s is one short line', (_, data, line) => {
    expect(messagePreview(indexation(data))).toBe(line);
  });

  it('of another payload is its name', () => {
    expect(messagePreview(reply({ type: 1 }))).toBe('(milestone)');
  });
});
