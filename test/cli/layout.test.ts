import { describe, expect, it } from 'vitest';
import { alignColumns, readableWidth, wrap } from '../../src/cli/layout.ts';

describe('columns', () => {
  it('are as wide as their widest cell and end without spaces', () => {
    const rows = [
      ['a', 'bb', 'c'],
      ['aaa', '', ''],
    ];
    expect(alignColumns(rows, { indent: 1 })).toBe(' a    bb  c\n aaa');
  });

  it('wrap what stands in the last one', () => {
    expect(alignColumns([['key', 'one two three']], { width: 12 })).toBe(
      'key  one two\n     three',
    );
  });

  it('are not widened by a title', () => {
    expect(alignColumns([['A long title'], ['a', 'b']])).toBe('A long title\na  b');
  });

  it('may be none', () => {
    expect(alignColumns([])).toBe('');
  });
});

describe('the width of text', () => {
  it('follows the terminal within what can be read, and does not believe in none', () => {
    expect([undefined, 0, 39, 40, 100, 300].map((columns) => readableWidth(columns))).toEqual([
      100, 100, 100, 40, 100, 100,
    ]);
  });
});

describe('a wrapped paragraph', () => {
  it('keeps words whole, also those that are too long', () => {
    expect(wrap('aa bb cccccc d', 5)).toEqual(['aa bb', 'cccccc', 'd']);
  });
});
