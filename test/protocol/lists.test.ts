import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/protocol/bytes.ts';
import { ascendingCheck, readHashes, writeHashes } from '../../src/protocol/lists.ts';
import { codeOf, numbered, times } from './builders.ts';

const rule = {
  count: { min: 0, max: 255, code: 'PARENTS_COUNT_INVALID' },
  order: { notSorted: 'PARENTS_NOT_SORTED', notUnique: 'PARENTS_NOT_UNIQUE' },
} as const;

describe('ascendingCheck', () => {
  it.each([
    [[0], undefined],
    [[0, 1, 2], undefined],
    [[0, 2, 1], 'PARENTS_NOT_SORTED'],
    [[0, 1, 1], 'PARENTS_NOT_UNIQUE'],
    [[1, 0, 1], 'PARENTS_NOT_SORTED'],
  ] as const)('of %j: %s', (numbers, code) => {
    const check = ascendingCheck(new ByteReader(new Uint8Array()), rule.order);
    expect(
      codeOf(() => {
        for (const number of numbers) check(numbered(number));
      }),
    ).toBe(code);
  });

  it('looks at every byte', () => {
    const check = ascendingCheck(new ByteReader(new Uint8Array()), rule.order);
    const later = numbered(0);
    later[31] = 1;
    check(later);
    expect(
      codeOf(() => {
        check(numbered(0));
      }),
    ).toBe('PARENTS_NOT_SORTED');
  });
});

describe('a list of hashes', () => {
  it.each([0, 1, 255])('is read as it was written (%i)', (count) => {
    const hashes = times(count, (position) => numbered(position));
    const writer = new ByteWriter(new Uint8Array(1 + 32 * 255));
    writeHashes(writer, hashes, rule);
    expect(readHashes(new ByteReader(writer.finish()), rule)).toEqual(hashes);
  });

  it('that declares more hashes than there are bytes is refused', () => {
    const reader = new ByteReader(Uint8Array.from([255, ...numbered(0), ...numbered(1)]));
    expect(codeOf(() => readHashes(reader, rule))).toBe('MESSAGE_TRUNCATED');
  });
});
