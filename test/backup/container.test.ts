import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TangleError } from '../../src/errors.ts';
import {
  chunkTypes,
  encodeChunk,
  fileHead,
  headBytes,
  maxChunkBytes,
  readChunks,
} from '../../src/backup/container.ts';
import type { Chunk } from '../../src/backup/container.ts';
import { collect } from '../support/collect.ts';

async function chunksOf(file: Uint8Array, pieceBytes = 1_000): Promise<Chunk[]> {
  const count = Math.ceil(file.length / pieceBytes);
  const pieces = Array.from({ length: count }, (_, at) =>
    Buffer.from(file.subarray(at * pieceBytes, (at + 1) * pieceBytes)),
  );
  return collect(readChunks(Readable.from(pieces)));
}

async function refusal(file: Uint8Array): Promise<TangleError> {
  try {
    await chunksOf(file);
  } catch (error) {
    return error as TangleError;
  }
  throw new Error('it was read');
}

async function fileOf(...payloads: readonly Buffer[]): Promise<Buffer> {
  const chunks = await Promise.all(payloads.map((one) => encodeChunk(chunkTypes.records, one)));
  return Buffer.concat([fileHead(), ...chunks]);
}

describe('a file of chunks', () => {
  it('gives back what was put in, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 5_000 })),
        fc.integer({ min: 1, max: 3_000 }),
        async (payloads, pieceBytes) => {
          const file = await fileOf(...payloads.map((one) => Buffer.from(one)));
          const chunks = await chunksOf(file, pieceBytes);
          expect(chunks.map(({ payload }) => [...payload])).toEqual(
            payloads.map((one) => [...one]),
          );
          const stored = Buffer.concat([fileHead(), ...chunks.map((chunk) => chunk.stored)]);
          expect(stored.equals(file)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is smaller where its content repeats, and hardly larger where it does not', async () => {
    const text = Buffer.from('the same again. '.repeat(1_000));
    expect((await fileOf(text)).length).toBeLessThan(text.length / 20);
    expect((await fileOf(randomBytes(10_000))).length).toBeLessThan(10_030);
  });

  it('tells every flipped bit', async () => {
    const file = await fileOf(Buffer.from('abc '.repeat(50)), randomBytes(30));
    for (let at = 0; at < file.length * 8; at++) {
      const damaged = Buffer.from(file);
      damaged[at >> 3] = damaged.readUInt8(at >> 3) ^ (1 << (at & 7));
      expect((await refusal(damaged)).code).toBe('BACKUP_INVALID');
    }
  });

  it('tells where it is cut off, but at the end of a chunk', async () => {
    const file = await fileOf(Buffer.from('first'), Buffer.from('second'));
    const { length: firstEnd } = await fileOf(Buffer.from('first'));
    for (let size = 0; size < file.length; size++) {
      if (size === headBytes || size === firstEnd) continue;
      expect((await refusal(file.subarray(0, size))).code).toBe('BACKUP_INVALID');
    }
    expect(await chunksOf(file.subarray(0, firstEnd))).toHaveLength(1);
  });

  it('refuses lengths that no writer writes before it takes memory for them', async () => {
    const file = await fileOf(Buffer.from('x'));
    file.writeUInt32LE(maxChunkBytes + 1, headBytes + 1);
    expect((await refusal(file)).message).toContain(`at byte ${headBytes}`);
  });

  it('of another version is named as such', async () => {
    const file = await fileOf();
    file[headBytes - 1] = 2;
    expect((await refusal(file)).message).toContain('format 2, this one knows 1');
    expect((await refusal(Buffer.from('PK\x03\x04 something'))).message).toContain(
      'no file of Midge',
    );
  });
});
