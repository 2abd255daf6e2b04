import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeBlock, escapeLine, jsonLine } from '../../src/cli/escape.ts';

describe('text from strangers', () => {
  it.each([
    ['colours', '\u001B[31mred', String.raw`\x1b[31mred`],
    ['a cleared screen, 8 bit', '\u009B2J', String.raw`\x9b2J`],
    ['a window title', '\u001B]0;hi\u0007', String.raw`\x1b]0;hi\x07`],
    ['a line written over', 'safe\revil', String.raw`safe\x0devil`],
    ['backspaces', 'abc\b\b\u007F', String.raw`abc\x08\x08\x7f`],
    ['text turned around', 'a\u202Eb\u2066c\u200F', String.raw`a\u{202e}b\u{2066}c\u{200f}`],
    [
      'invisible characters',
      'a\u200Bb\uFEFFc\u00AD\u{E0041}',
      String.raw`a\u{200b}b\u{feff}c\xad\u{e0041}`,
    ],
    ['odd line ends', 'a\u2028b\u2029c\u0085d', String.raw`a\u{2028}b\u{2029}c\x85d`],
  ])('shows %s as what they are', (_, text, shown) => {
    expect(escapeLine(text)).toBe(shown);
    expect(escapeBlock(text)).toBe(shown);
  });

  it('leaves ordinary text of all scripts alone', () => {
    const text = 'Grüße, 世界, עברית, نص, 👩‍👩‍👧, e\u0301, C:\\x1b';
    expect(escapeLine(text)).toBe(text);
  });

  it('keeps line feeds and tabs in a block only', () => {
    expect(escapeLine('a\n\tb')).toBe(String.raw`a\x0a\x09b`);
    expect(escapeBlock('a\r\n\tb\n')).toBe('a\n\tb\n');
  });

  it('never reaches a terminal as a control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeLine(text)).not.toMatch(/\p{Cc}/u);
        expect(escapeBlock(text)).not.toMatch(/[\p{Cc}--[\n\t]]/v);
      }),
    );
  });

  it('is plain ASCII as JSON, and means the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
        const line = jsonLine({ value, text });
        expect(line).toMatch(/^[ -~]*$/);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify({ value, text })));
      }),
    );
  });
});
