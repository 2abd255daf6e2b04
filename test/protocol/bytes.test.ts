import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  ByteWriter,
  bytesFromHex,
  compareBytes,
  hexOf,
} from '../../src/protocol/bytes.ts';
import { codeOf } from './builders.ts';

const countRule = { min: 1, max: 3, code: 'PARENTS_COUNT_INVALID' } as const;

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(64));
  write(writer);
  return writer.finish();
}

describe('ByteReader', () => {
  it('reads little-endian fields one after the other', () => {
    const reader = new ByteReader(Uint8Array.from({ length: 18 }, (_, position) => position + 1));
    expect(reader.u8()).toBe(0x01);
    expect(reader.u16()).toBe(0x0302);
    expect(reader.u32()).toBe(0x07060504);
    expect(reader.u64()).toBe(0x0f0e0d0c0b0a0908n);
    expect(reader.bytes(3)).toEqual(Uint8Array.of(16, 17, 18));
    expect(() => {
      reader.finish();
    }).not.toThrow();
  });

  it('reads a view of a larger buffer from where the view begins', () => {
    const view = Uint8Array.of(9, 9, 1, 2, 9).subarray(2, 4);
    const reader = new ByteReader(view);
    expect(reader.bytes(2)).toEqual(Uint8Array.of(1, 2));
    expect(codeOf(() => reader.u8())).toBe('MESSAGE_TRUNCATED');
  });

  it('hands out views, and no Buffers from a Buffer', () => {
    const bytes = Buffer.from([1, 2, 3]);
    const view = new ByteReader(bytes).bytes(2);
    expect(Buffer.isBuffer(view)).toBe(false);
    expect(view.buffer).toBe(bytes.buffer);
  });

  it.each([
    ['u8', 0],
    ['u16', 1],
    ['u32', 3],
    ['u64', 7],
  ] as const)('refuses a %s in %i bytes', (field, sizeBytes) => {
    expect(codeOf(() => new ByteReader(new Uint8Array(sizeBytes))[field]())).toBe(
      'MESSAGE_TRUNCATED',
    );
  });

  it('refuses a length of 4 GiB without allocating it', () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(codeOf(() => new ByteReader(new Uint8Array(8)).bytes(0xffff_ffff))).toBe(
      'MESSAGE_TRUNCATED',
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  it.each([
    [0, 'PARENTS_COUNT_INVALID'],
    [1, undefined],
    [3, undefined],
    [4, 'PARENTS_COUNT_INVALID'],
  ] as const)('holds a count of %i against its rule', (count, code) => {
    expect(codeOf(() => new ByteReader(Uint8Array.of(count)).count8(countRule))).toBe(code);
    expect(codeOf(() => new ByteReader(Uint8Array.of(count, 0)).count16(countRule))).toBe(code);
  });

  it('says where the field stands that is wrong', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4));
    reader.u16();
    expect(() => {
      reader.tag8(0, 'ADDRESS_TYPE_UNKNOWN');
    }).toThrow(expect.objectContaining({ details: { offsetBytes: 2 } }));
  });

  it('does not let a payload reach into what follows it', () => {
    // Length 6, type 7, two bytes of body; then one byte that is not the payload's.
    const bytes = Uint8Array.of(6, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3);
    const read = (sizeBytes: number) => () =>
      new ByteReader(bytes).payload((reader) => reader.bytes(sizeBytes));
    expect(codeOf(read(1))).toBe('PAYLOAD_LENGTH_MISMATCH');
    expect(read(2)()).toEqual(Uint8Array.of(1, 2));
    expect(codeOf(read(3))).toBe('PAYLOAD_LENGTH_MISMATCH');
  });

  it('goes on after a payload, with the limits from before', () => {
    const reader = new ByteReader(Uint8Array.of(4, 0, 0, 0, 7, 0, 0, 0, 9));
    expect(reader.payload((_, type) => type)).toBe(7);
    expect(reader.u8()).toBe(9);
    expect(codeOf(() => reader.u8())).toBe('MESSAGE_TRUNCATED');
  });

  it('reads no payload where the length is 0', () => {
    const reader = new ByteReader(Uint8Array.of(0, 0, 0, 0));
    expect(reader.payload(() => 'never')).toBeUndefined();
  });

  it.each([1, 2, 3])('refuses a payload of %i bytes, too short for its type', (length) => {
    const reader = new ByteReader(Uint8Array.of(length, 0, 0, 0, 2, 0, 0, 0));
    expect(codeOf(() => reader.payload((_, type) => type))).toBe('PAYLOAD_LENGTH_MISMATCH');
  });
});

describe('ByteWriter', () => {
  it('writes what the reader reads', () => {
    const numbers = fc.tuple(
      fc.nat(0xff),
      fc.nat(0xffff),
      fc.nat(0xffff_ffff),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    );
    fc.assert(
      fc.property(numbers, ([u8, u16, u32, u64]) => {
        const bytes = written((writer) => {
          writer.u8(u8);
          writer.u16(u16);
          writer.u32(u32);
          writer.u64(u64);
        });
        const reader = new ByteReader(bytes);
        expect([reader.u8(), reader.u16(), reader.u32(), reader.u64()]).toEqual([
          u8,
          u16,
          u32,
          u64,
        ]);
      }),
    );
  });

  it.each([
    ['u8', 256],
    ['u16', 65_536],
    ['u32', 4_294_967_296],
  ] as const)('refuses a number that %s cannot hold', (field, tooLarge) => {
    for (const value of [tooLarge, -1, 0.5, NaN, Infinity]) {
      expect(codeOf(() => written((writer) => writer[field](value)))).toBe('FIELD_OUT_OF_RANGE');
    }
    expect(() => written((writer) => writer[field](tooLarge - 1))).not.toThrow();
  });

  it('refuses a u64 below 0 or above 2^64 - 1', () => {
    for (const value of [-1n, 2n ** 64n]) {
      expect(
        codeOf(() =>
          written((writer) => {
            writer.u64(value);
          }),
        ),
      ).toBe('FIELD_OUT_OF_RANGE');
    }
  });

  it('refuses bytes of another length than the format has for them', () => {
    for (const sizeBytes of [31, 33]) {
      expect(
        codeOf(() =>
          written((writer) => {
            writer.fixed(new Uint8Array(sizeBytes), 32);
          }),
        ),
      ).toBe('FIELD_OUT_OF_RANGE');
    }
  });

  it('fills its buffer to the last byte and not beyond', () => {
    const writer = new ByteWriter(new Uint8Array(4));
    writer.u32(1);
    expect(writer.finish()).toHaveLength(4);
    expect(
      codeOf(() => {
        writer.u8(1);
      }),
    ).toBe('MESSAGE_TOO_LARGE');
  });

  it('returns a copy that later writing leaves alone', () => {
    const buffer = new Uint8Array(2);
    const writer = new ByteWriter(buffer);
    writer.u8(1);
    const first = writer.finish();
    buffer.fill(9);
    expect(first).toEqual(Uint8Array.of(1));
  });
});

describe('hex', () => {
  it('goes there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bytesFromHex(hexOf(bytes), 'field')).toEqual(bytes);
      }),
    );
  });

  it('is written in lower case and read in both', () => {
    expect(hexOf(Uint8Array.of(0xab, 0x01))).toBe('ab01');
    expect(bytesFromHex('AB01', 'field')).toEqual(bytesFromHex('ab01', 'field'));
  });

  it('is written of a view alone, not of the buffer under it', () => {
    expect(hexOf(Uint8Array.of(1, 2, 3).subarray(1, 2))).toBe('02');
  });

  it.each(['a', 'abc', 'zz', '0x01', ' 01', '01 ', 'ab\n', '\u0130\u0130', 'ａｂ', '-1'])(
    'refuses %j and names the field',
    (text) => {
      expect(() => bytesFromHex(text, 'payload.index')).toThrow(
        expect.objectContaining({ code: 'HEX_INVALID', details: { field: 'payload.index' } }),
      );
    },
  );

  it('is held to a size that is given', () => {
    expect(bytesFromHex('0102', 'field', 2)).toHaveLength(2);
    expect(codeOf(() => bytesFromHex('01', 'field', 2))).toBe('HEX_INVALID');
    expect(codeOf(() => bytesFromHex('010203', 'field', 2))).toBe('HEX_INVALID');
  });
});

describe('compareBytes', () => {
  it('orders like another implementation', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
      }),
    );
  });
});
