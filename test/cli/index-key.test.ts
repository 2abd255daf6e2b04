import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexHexOf, indexWords } from '../../src/cli/index-key.ts';

describe('an index on the command line', () => {
  it.each([
    ['midge', '6d69646765'],
    ['ä', 'c3a4'],
    ['0x00FF', '00ff'],
    ['x'.repeat(64), '78'.repeat(64)],
    [`0x${'ab'.repeat(64)}`, 'ab'.repeat(64)],
  ])('%j is the key %s', (argument, hex) => {
    expect(indexHexOf(argument)).toBe(hex);
  });

  it.each(['', '0x', '0x1', '0xzz', 'x'.repeat(65), `0x${'ab'.repeat(65)}`, 'ä'.repeat(33)])(
    '%j is refused',
    (argument) => {
      expect(() => indexHexOf(argument)).toThrow('An index is a text of 1 to 64 bytes');
    },
  );

  it.each([
    ['6d69646765', 'midge'],
    ['ff', '0xff'],
    ['1b5b', '0x1b5b'],
    ['30783030', '0x30783030'],
  ])('the key %s is shown as %s', (hex, words) => {
    expect(indexWords(hex)).toBe(words);
  });

  it('is shown in a form that means the same key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
        const hex = Buffer.from(bytes).toString('hex');
        expect(indexHexOf(indexWords(hex))).toBe(hex);
      }),
    );
  });
});
