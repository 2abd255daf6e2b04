import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { FrameDecoder, encodeFrame } from '../../src/gossip/frames.ts';
import type { Frame } from '../../src/gossip/frames.ts';
import { asMessageId } from '../../src/protocol/ids.ts';

const fuzzRuns = Number(process.env['FUZZ_RUNS'] ?? 300);

const u32 = fc.nat(0xffff_ffff);
const u8 = fc.nat(255);
const bytesOf = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  u32.map((index): Frame => ({ type: 'milestone-request', index })),
  bytesOf(53, 32_768).map((bytes): Frame => ({ type: 'message', bytes })),
  bytesOf(32, 32).map((bytes): Frame => ({ type: 'message-request', id: asMessageId(bytes) })),
  fc
    .record({
      solidMilestoneIndex: u32,
      prunedMilestoneIndex: u32,
      latestMilestoneIndex: u32,
      connectedNeighbours: u8,
      syncedNeighbours: u8,
    })
    .map((heartbeat): Frame => ({ type: 'heartbeat', heartbeat })),
);

function decodeAll(decoder: FrameDecoder, chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      frames.push(frame);
    }
  }
  return frames;
}

/** The bytes in pieces of these sizes, again and again. */
function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const hexOf = (frame: Frame): string => Buffer.from(encodeFrame(frame)).toString('hex');

describe('frames', () => {
  it('are the bytes that nodes of other makes write', () => {
    const heartbeat = {
      solidMilestoneIndex: 1,
      prunedMilestoneIndex: 0x0102,
      latestMilestoneIndex: 3,
      connectedNeighbours: 4,
      syncedNeighbours: 5,
    };
    expect(hexOf({ type: 'heartbeat', heartbeat })).toBe('040e000100000002010000030000000405');
    expect(hexOf({ type: 'milestone-request', index: 258 })).toBe('01040002010000');
    expect(hexOf({ type: 'message', bytes: new Uint8Array(300).fill(7) })).toBe(
      `022c01${'07'.repeat(300)}`,
    );
    const id = asMessageId(new Uint8Array(32).fill(9));
    expect(hexOf({ type: 'message-request', id })).toBe(`032000${'09'.repeat(32)}`);
  });

  it('come out as they went in, in whatever pieces they arrive', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), sizes, (frames, pieces) => {
        const wire = Buffer.concat(frames.map((frame) => encodeFrame(frame)));
        const decoder = new FrameDecoder();
        expect(decodeAll(decoder, inPieces(wire, pieces))).toEqual(frames);
        expect(decoder.bufferedBytes).toBe(0);
      }),
      { numRuns: fuzzRuns },
    );
  });

  it('own their bytes', () => {
    const wire = encodeFrame({ type: 'message', bytes: new Uint8Array(60).fill(1) });
    const [frame] = decodeAll(new FrameDecoder(), [wire]);
    wire.fill(0);
    expect(frame).toEqual({ type: 'message', bytes: new Uint8Array(60).fill(1) });
  });

  it('keep little memory besides their own when they wait, whatever came with them', () => {
    const kept: Frame[] = [];
    const decoder = new FrameDecoder();
    const small = encodeFrame({ type: 'message', bytes: new Uint8Array(60) });
    const large = encodeFrame({ type: 'message', bytes: new Uint8Array(32_000) });
    for (let n = 0; n < 20; n++) kept.push(...decodeAll(decoder, [Buffer.concat([large, small])]));
    const smallOnes = kept.flatMap((frame) =>
      frame.type === 'message' && frame.bytes.length === 60 ? [frame.bytes.buffer] : [],
    );
    expect(smallOnes).toHaveLength(20);
    expect(new Set(smallOnes).size).toBe(1);
    expect(smallOnes[0]?.byteLength).toBe(16 * 1024);
  });

  it.each([
    ['an unknown type', [0, 0, 0]],
    ['a type after the last', [5, 14, 0]],
    ['a short message', [2, 52, 0]],
    ['a message beyond 32 KiB', [2, 1, 128]],
    ['a request of half an id', [3, 16, 0]],
    ['a long heartbeat', [4, 15, 0]],
    ['a milestone request without an index', [1, 0, 0]],
  ])('with %s are refused at the header', (_, header) => {
    const decoder = new FrameDecoder();
    decoder.push(Uint8Array.from(header));
    expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
  });

  it('of random bytes are a frame or FRAME_INVALID, and never keep more than one body', () => {
    const noise = fc.array(bytesOf(0, 2_000), { maxLength: 20 });
    fc.assert(
      fc.property(noise, (chunks) => {
        const decoder = new FrameDecoder();
        try {
          const frames = decodeAll(decoder, chunks);
          const wire = Buffer.concat(frames.map((frame) => encodeFrame(frame)));
          expect(Buffer.concat(chunks).subarray(0, wire.length)).toEqual(wire);
          expect(decoder.bufferedBytes).toBe(0);
        } catch (error) {
          if (!(error instanceof TangleError) || error.code !== 'FRAME_INVALID') throw error;
        }
      }),
      { numRuns: fuzzRuns },
    );
  });
});
