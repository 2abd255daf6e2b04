// Hostile bytes on the streams of gossip and of catch-up: random, damaged, and cut anywhere. A decoder gives
// frames or FRAME_INVALID, the same ones however the bytes arrive, and each is the one form of what it means.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { FrameDecoder, encodeFrame } from '../../src/gossip/frames.ts';
import type { Frame } from '../../src/gossip/frames.ts';
import { SyncDecoder, encodeSyncFrame } from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { asMessageId } from '../../src/protocol/ids.ts';
import { mutations } from './mutations.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1000);

interface Verdict {
  /** All frames before the fault, as bytes again. */
  readonly decoded: Buffer;
  readonly frameCount: number;
  /** Anything but undefined and FRAME_INVALID is a bug. */
  readonly fault: string | undefined;
  readonly bufferedBytes: number;
}

interface Decoder<T> {
  push(chunk: Uint8Array): void;
  next(): T | undefined;
  readonly bufferedBytes: number;
}

function verdictOf<T>(
  decoder: Decoder<T>,
  encode: (frame: T) => Uint8Array,
  chunks: readonly Uint8Array[],
): Verdict {
  const decoded: Uint8Array[] = [];
  let fault: string | undefined;
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        decoded.push(encode(frame));
      }
    }
  } catch (error) {
    fault = error instanceof TangleError ? error.code : String(error);
  }
  const { bufferedBytes } = decoder;
  return { decoded: Buffer.concat(decoded), frameCount: decoded.length, fault, bufferedBytes };
}

const u8 = fc.nat(0xff);
const u32 = fc.nat(0xffff_ffff);
const message = fc.oneof(
  fc.uint8Array({ minLength: 53, maxLength: 400 }),
  fc.constantFrom(53, 2_047, 2_048, 2_049, 32_768).map((size) => new Uint8Array(size).fill(7)),
);
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asMessageId);
const logId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));

const gossipFrame: fc.Arbitrary<Frame> = fc.oneof(
  u32.map((index): Frame => ({ type: 'milestone-request', index })),
  message.map((bytes): Frame => ({ type: 'message', bytes })),
  id.map((wanted): Frame => ({ type: 'message-request', id: wanted })),
  fc
    .tuple(u32, u32, u32, u8, u8)
    .map(
      ([
        solidMilestoneIndex,
        prunedMilestoneIndex,
        latestMilestoneIndex,
        connectedNeighbours,
        syncedNeighbours,
      ]): Frame => {
        const heartbeat = {
          solidMilestoneIndex,
          prunedMilestoneIndex,
          latestMilestoneIndex,
          connectedNeighbours,
          syncedNeighbours,
        };
        return { type: 'heartbeat', heartbeat };
      },
    ),
);
const syncFrame: fc.Arbitrary<SyncFrame> = fc.oneof(
  fc.record({ type: fc.constant('ask' as const), logId, fromSeq: fc.maxSafeNat() }),
  fc.record({
    type: fc.constant('page' as const),
    logId,
    lastSeq: fc.maxSafeNat(),
    count: fc.nat(0xffff),
  }),
  fc.record({ type: fc.constant('record' as const), seq: fc.maxSafeNat(), bytes: message }),
  fc.record({ type: fc.constant('below-cut' as const), logId, cutSeq: fc.maxSafeNat() }),
  fc.constant({ type: 'nudge' as const }),
  fc.record({
    type: fc.constant('ask-boundary' as const),
    afterId: fc.option(id, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('boundary' as const),
    logId,
    cutSeq: fc.maxSafeNat(),
    count: fc.nat(0xffff),
    isLast: fc.boolean(),
  }),
  fc.record({ type: fc.constant('entry-point' as const), id, isLazy: fc.boolean() }),
);

const protocols = {
  gossip: {
    wire: fc.array(gossipFrame, { minLength: 1, maxLength: 6 }).map((frames) => ({
      bytes: Buffer.concat(frames.map((frame) => encodeFrame(frame))),
      frameCount: frames.length,
    })),
    judge: (chunks: readonly Uint8Array[]) => verdictOf(new FrameDecoder(), encodeFrame, chunks),
    /** It takes its bytes as they come. */
    maxBufferedBytes: 0,
  },
  'catch-up': {
    wire: fc.array(syncFrame, { minLength: 1, maxLength: 6 }).map((frames) => ({
      bytes: Buffer.concat(frames.map((frame) => encodeSyncFrame(frame))),
      frameCount: frames.length,
    })),
    judge: (chunks: readonly Uint8Array[]) => verdictOf(new SyncDecoder(), encodeSyncFrame, chunks),
    /** It waits for a whole frame. */
    maxBufferedBytes: 3 + 8 + 32_768,
  },
} as const;

const cuts = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 6 });

/** The bytes in pieces of these sizes, again and again. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += found.at(-1)?.length ?? 1) {
    found.push(bytes.subarray(at, at + (sizes[found.length % sizes.length] ?? 1)));
  }
  return found;
}

describe.each(Object.entries(protocols))('the frames of %s', (_, protocol) => {
  const { wire, judge, maxBufferedBytes } = protocol;

  /** `sound`, or what is wrong. */
  function judged(bytes: Uint8Array, sizes: readonly number[]): string {
    const whole = judge([bytes]);
    if (whole.fault !== undefined && whole.fault !== 'FRAME_INVALID') return whole.fault;
    if (!whole.decoded.equals(bytes.subarray(0, whole.decoded.length))) return 'another form';
    if (whole.fault === undefined && whole.bufferedBytes > maxBufferedBytes) return 'keeps bytes';
    const cut = judge(pieces(bytes, sizes));
    const isSame = cut.fault === whole.fault && cut.decoded.equals(whole.decoded);
    return isSame ? 'sound' : 'depends on how the bytes arrive';
  }

  it('survive random bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 600, size: 'max' });
    fc.assert(
      fc.property(bytes, cuts, (given, sizes) => {
        expect(judged(given, sizes)).toBe('sound');
      }),
      { numRuns },
    );
  });

  it('survive random bodies behind headers of every kind', () => {
    const header = fc.tuple(fc.nat(9), fc.oneof(fc.nat(80), fc.nat(0xffff)));
    const frame = fc
      .tuple(header, fc.uint8Array({ maxLength: 120, size: 'max' }), fc.boolean())
      .map(([[type, declared], body, isTrue]) => {
        const size = isTrue ? body.length : declared;
        return Buffer.from([type, size & 0xff, size >> 8, ...body]);
      });
    const bytes = fc.array(frame, { maxLength: 6 }).map((frames) => Buffer.concat(frames));
    fc.assert(
      fc.property(bytes, cuts, (given, sizes) => {
        expect(judged(given, sizes)).toBe('sound');
      }),
      { numRuns },
    );
  });

  it('survive damage', () => {
    fc.assert(
      fc.property(wire, mutations, cuts, ({ bytes }, changes, sizes) => {
        const damaged = changes.reduce<Uint8Array>((result, change) => change(result), bytes);
        expect(judged(damaged, sizes)).toBe('sound');
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    );
  });

  it('are all read when nothing is wrong with them', () => {
    fc.assert(
      fc.property(wire, cuts, ({ bytes, frameCount }, sizes) => {
        const verdict = judge(pieces(bytes, sizes));
        expect(verdict).toMatchObject({ fault: undefined, frameCount, bufferedBytes: 0 });
        expect(verdict.decoded).toEqual(bytes);
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    );
  });
});
