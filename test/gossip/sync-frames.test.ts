import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import {
  SyncDecoder,
  encodeSyncFrame,
  maxAnswerBytes,
  maxPageBytes,
  maxPagePoints,
  maxPageRecords,
} from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import { maxMessageBytes } from '../../src/protocol/message.ts';

const logId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const seq = fc.maxSafeNat();
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asMessageId);
const frames: fc.Arbitrary<SyncFrame> = fc.oneof(
  fc.record({ type: fc.constant('ask' as const), logId, fromSeq: seq }),
  fc.record({
    type: fc.constant('page' as const),
    logId,
    lastSeq: seq,
    count: fc.nat({ max: 0xffff }),
  }),
  fc.record({
    type: fc.constant('record' as const),
    seq,
    bytes: fc.uint8Array({ minLength: 53, maxLength: 400 }),
  }),
  fc.record({ type: fc.constant('below-cut' as const), logId, cutSeq: seq }),
  fc.constant({ type: 'nudge' as const }),
  fc.record({
    type: fc.constant('ask-boundary' as const),
    afterId: fc.option(id, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('boundary' as const),
    logId,
    cutSeq: seq,
    count: fc.nat({ max: 0xffff }),
    isLast: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('entry-point' as const),
    id,
    isLazy: fc.boolean(),
  }),
);

function decodeAll(chunks: readonly Uint8Array[]): SyncFrame[] {
  const decoder = new SyncDecoder();
  const decoded: SyncFrame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      decoded.push(frame);
    }
  }
  return decoded;
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const size of sizes) chunks.push(bytes.subarray(from, (from += size)));
  return [...chunks, bytes.subarray(from)];
}

function verdictOn(chunks: readonly Uint8Array[]): string {
  try {
    for (const frame of decodeAll(chunks)) encodeSyncFrame(frame);
    return 'decoded';
  } catch (error) {
    return error instanceof TangleError ? error.code : String(error);
  }
}

describe('the frames of catch-up', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 8 }),
        fc.array(fc.nat({ max: 60 })),
        (sent, sizes) => {
          const bytes = Buffer.concat(sent.map(encodeSyncFrame));
          expect(decodeAll(cut(bytes, sizes))).toEqual(sent);
        },
      ),
    );
  });

  it('have the layout that is written at the top of the file', () => {
    const page: SyncFrame = { type: 'page', logId: 'ab'.repeat(16), lastSeq: 258, count: 3 };
    expect(Buffer.from(encodeSyncFrame(page)).toString('hex')).toBe(
      `021a00${'ab'.repeat(16)}02010000000000000300`,
    );
  });

  it('of whatever bytes are decoded or refused, and nothing else happens', () => {
    const runs = Number(process.env['FUZZ_RUNS'] ?? 300);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 80 }), frames.map(encodeSyncFrame))),
        (chunks) => {
          expect(['decoded', 'FRAME_INVALID']).toContain(verdictOn(chunks));
        },
      ),
      { numRuns: runs },
    );
  });

  it('are refused by their header, before anything is waited for', () => {
    for (const header of ['00', '09', 'ff']) {
      expect(() => decodeAll([Buffer.from(`${header}0000`, 'hex')])).toThrow('no frame type');
    }
    expect(() => decodeAll([Buffer.from('03ffff', 'hex')])).toThrow('cannot have 65535 bytes');
    expect(() => decodeAll([Buffer.from('011900', 'hex')])).toThrow('cannot have 25 bytes');
  });

  it('refuse a seq that no log reaches', () => {
    const bytes = encodeSyncFrame({ type: 'below-cut', logId: '00'.repeat(16), cutSeq: 1 });
    bytes.fill(0xff, 3);
    expect(() => decodeAll([bytes])).toThrow('No log has so many messages');
  });

  it('refuse flags that mean nothing', () => {
    const bytes = encodeSyncFrame({ type: 'ask-boundary', afterId: undefined });
    bytes[3] = 2;
    expect(() => decodeAll([bytes])).toThrow('no flag 2');
  });

  it('of the largest answer fit the bound of an answer', () => {
    const head = encodeSyncFrame({ type: 'page', logId: '00'.repeat(16), lastSeq: 1, count: 1 });
    const headers = (3 + 8) * maxPageRecords;
    expect(head.length + maxPageBytes + maxMessageBytes + headers).toBeLessThan(maxAnswerBytes);
    expect(maxPagePoints * (3 + 32 + 1)).toBeLessThan(maxPageBytes);
  });
});
