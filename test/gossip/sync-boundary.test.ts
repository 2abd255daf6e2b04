import { describe, expect, it } from 'vitest';
import { answerBoundary, isWholeLog, readBoundary } from '../../src/gossip/sync-boundary.ts';
import type { BoundedLog } from '../../src/gossip/sync-boundary.ts';
import type { SyncChannel } from '../../src/gossip/sync-channel.ts';
import { maxPagePoints } from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { asMessageId, genesisId } from '../../src/protocol/ids.ts';
import type { StandingPoint, IdPage } from '../../src/storage/store.ts';

const logId = 'ab'.repeat(16);

function pointOf(number: number): StandingPoint {
  const id = Buffer.alloc(32);
  id.writeUInt32BE(number, 0);
  return {
    id: asMessageId(id),
    neededSeq: 1,
    isLazy: number % 2 === 0,
    firstChildMs: 5,
    isHeld: false,
    isClosed: number % 5 === 0,
  };
}

/** A log with so many entry points, whose cut moves while each of the first `moves` pages is read. */
function aLog(count: number, moves = 0): BoundedLog & { readonly reads: () => number } {
  const points = Array.from({ length: count }, (_, n) => pointOf(n + 1));
  let [cutSeq, reads] = [100, 0];
  return {
    logId,
    entryPointCount: count,
    get cutSeq() {
      return cutSeq;
    },
    readEntryPoints: ({ afterId, limit }: IdPage) => {
      reads += 1;
      if (reads <= moves) cutSeq += 1;
      const from = points.findIndex(({ id }) => !afterId || Buffer.compare(id, afterId) > 0);
      return Promise.resolve(from < 0 ? [] : points.slice(from, from + limit));
    },
    reads: () => reads,
  };
}

/** Both sides in one: questions are answered from the log at once. */
function channelTo(log: BoundedLog, onQuestion: () => void = () => undefined): SyncChannel {
  const answers: SyncFrame[] = [];
  return {
    send: async ([question]) => {
      onQuestion();
      if (question?.type !== 'ask-boundary') throw new Error('no question for a boundary');
      answers.push(...(await answerBoundary(question, log)));
    },
    receive: () => Promise.resolve(answers.shift()),
    close: () => Promise.resolve(),
    abort: () => undefined,
  };
}

describe('a boundary', () => {
  it.each([0, 1, maxPagePoints, maxPagePoints + 1, 3 * maxPagePoints])(
    'of %i entry points comes whole, page by page',
    async (count) => {
      const boundary = await readBoundary(channelTo(aLog(count)), () => undefined);
      expect(boundary).toMatchObject({ logId, cutSeq: 100 });
      expect(boundary.points.map(({ id, isLazy }) => [id.toString(), isLazy])).toEqual(
        Array.from({ length: count }, (_, n) => pointOf(n + 1)).map((point) => [
          point.id.toString(),
          point.isLazy || point.isClosed,
        ]),
      );
    },
  );

  it('is of one cut: a page during which it moved is read again, some times', async () => {
    const log = aLog(10, 7);
    const [head] = await answerBoundary({ type: 'ask-boundary', afterId: undefined }, log);
    expect([head, log.reads()]).toEqual([
      { type: 'boundary', logId, cutSeq: 107, count: 10, isLast: true },
      8,
    ]);
    const restless = aLog(10, 8);
    await expect(
      answerBoundary({ type: 'ask-boundary', afterId: undefined }, restless),
    ).rejects.toThrow('faster than');
  });

  it('is read anew by the follower when the cut moved between two pages, some times', async () => {
    const log = aLog(maxPagePoints + 5);
    let [cutSeq, questions] = [100, 0];
    const moving = (until: number): SyncChannel =>
      channelTo(
        {
          logId,
          entryPointCount: log.entryPointCount,
          readEntryPoints: (page) => log.readEntryPoints(page),
          get cutSeq() {
            return cutSeq;
          },
        },
        () => {
          questions += 1;
          if (questions <= until) cutSeq += 1;
        },
      );
    const boundary = await readBoundary(moving(14), () => undefined);
    expect([boundary.cutSeq, boundary.points.length]).toEqual([114, maxPagePoints + 5]);
    questions = 0;
    await expect(readBoundary(moving(Infinity), () => undefined)).rejects.toThrow('faster than');
    expect(questions).toBe(16);
  });
});

function logOf(points: readonly StandingPoint[], cutSeq = 0): BoundedLog {
  return {
    logId,
    cutSeq,
    entryPointCount: points.length,
    readEntryPoints: ({ limit }) => Promise.resolve(points.slice(0, limit)),
  };
}

describe('a log', () => {
  it('is whole when it begins with the genesis and nothing else', async () => {
    const genesis = { ...pointOf(0), id: genesisId };
    expect(await isWholeLog(logOf([genesis]))).toBe(true);
    expect(await isWholeLog(logOf([genesis], 1))).toBe(false);
    expect(await isWholeLog(logOf([pointOf(1)]))).toBe(false);
    expect(await isWholeLog(logOf([genesis, pointOf(1)]))).toBe(false);
  });
});
