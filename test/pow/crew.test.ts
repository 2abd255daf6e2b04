import { describe, expect, it } from 'vitest';
import { Crew } from '../../src/pow/crew.ts';
import { Job, type MineJob } from '../../src/pow/job.ts';
import type { Mining, Search } from '../../src/pow/miners.ts';
import { FairQueue } from '../../src/pow/scheduler.ts';

/** Workers that search until the test lets them find something. */
class HandMiners {
  readonly running = new Map<Search, (nonce: bigint | undefined) => void>();

  readonly start = (search: Search): Mining => {
    const { promise, resolve } = Promise.withResolvers<bigint | undefined>();
    const end = (nonce: bigint | undefined): void => {
      this.running.delete(search);
      resolve(nonce);
    };
    this.running.set(search, end);
    return { nonce: promise, hashes: () => 10, cancel: () => end(undefined) };
  };

  /** First digest bytes of what is searched for, one for each worker that is busy. */
  get digests(): number[] {
    return [...this.running.keys()].map(({ digest }) => digest[0] ?? -1).toSorted((a, b) => a - b);
  }

  find(firstByte: number, nonce = 7n): void {
    for (const [{ digest }, end] of this.running) {
      if (digest[0] === firstByte) return end(nonce);
    }
  }
}

interface Scene {
  readonly miners: HandMiners;
  readonly crew: Crew;
  readonly add: (firstByte: number, more?: Partial<MineJob>) => Job;
}

function scene(workers: number): Scene {
  const miners = new HandMiners();
  const queue = new FairQueue<Job>(9);
  const crew = new Crew(workers, queue, { startSearch: miners.start });
  const onEnd = (job: Job, unusedHashes: number): void => {
    if (crew.dismiss(job)) queue.end(job, unusedHashes);
    else queue.remove(job);
  };
  const add = (firstByte: number, more: Partial<MineJob> = {}): Job => {
    const { signal } = new AbortController();
    const digest = Uint8Array.of(firstByte);
    const asked = { digest, zeros: 5, sizeBytes: 1, client: `${firstByte}`, signal, ...more };
    const job = new Job(asked, 0, onEnd);
    queue.add(job);
    crew.assign();
    return job;
  };
  return { miners, crew, add };
}

/** Until all that can happen by itself has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the crew', () => {
  it('puts all workers on a job that is alone, each in a space of its own', () => {
    const { miners, add } = scene(4);
    add(1);
    expect(miners.digests).toEqual([1, 1, 1, 1]);
    expect(new Set([...miners.running.keys()].map(({ space }) => space)).size).toBe(4);
  });

  it('takes workers away from it for jobs that come', async () => {
    const { miners, add } = scene(4);
    for (const [firstByte, expected] of [
      [1, [1, 1, 1, 1]],
      [2, [1, 1, 1, 2]],
      [3, [1, 1, 2, 3]],
      [4, [1, 2, 3, 4]],
      [5, [1, 2, 3, 4]],
    ] as const) {
      add(firstByte);
      await settled();
      expect(miners.digests).toEqual(expected);
    }
  });

  it('takes away as many at once as jobs come at once', async () => {
    const { miners, add } = scene(4);
    for (const firstByte of [1, 2, 3]) add(firstByte);
    await settled();
    expect(miners.digests).toEqual([1, 1, 2, 3]);
  });

  it('gives a worker that becomes free to the next that waits', async () => {
    const { miners, add } = scene(1);
    const first = add(1);
    add(2);
    miners.find(1, 5n);
    expect(await first.mined).toEqual({ nonce: 5n, digest: Uint8Array.of(1) });
    await settled();
    expect(miners.digests).toEqual([2]);
  });

  it('lets free workers help the job with the fewest when none waits', async () => {
    const { miners, add } = scene(4);
    for (const firstByte of [1, 2, 3]) add(firstByte);
    await settled();
    miners.find(1);
    await settled();
    expect(miners.digests).toEqual([2, 2, 3, 3]);
  });

  it('sends all workers of a job that is over to others', async () => {
    const { miners, add } = scene(3);
    const left = add(1);
    add(2);
    await settled();
    left.fail(new Error('gone'));
    await expect(left.mined).rejects.toThrow('gone');
    await settled();
    expect(miners.digests).toEqual([2, 2, 2]);
  });

  it('knows a job as over when it tells its client', async () => {
    const { miners, crew, add } = scene(2);
    const { mined } = add(1);
    miners.find(1);
    await mined;
    expect(crew.running.size).toBe(0);
  });
});

const failingRefresh = (): Uint8Array => {
  throw new Error('no tips');
};

describe('a job with fresh parents', () => {
  it('keeps its workers and gives the digest that the nonce belongs to', async () => {
    const { miners, add } = scene(2);
    const job = add(1, { refresh: () => Uint8Array.of(9) });
    job.refreshIfDue(4_999, 5_000);
    expect(miners.digests).toEqual([1, 1]);
    job.refreshIfDue(5_000, 5_000);
    await settled();
    expect(miners.digests).toEqual([9, 9]);
    expect(job.handCount).toBe(2);
    miners.find(9, 3n);
    expect(await job.mined).toEqual({ nonce: 3n, digest: Uint8Array.of(9) });
  });

  it('counts the hashes for all its digests', async () => {
    const { add } = scene(2);
    const job = add(1, { refresh: () => Uint8Array.of(9) });
    expect(job.hashes).toBe(20);
    job.refreshIfDue(5_000, 5_000);
    await settled();
    expect(job.hashes).toBe(40);
  });

  it('ends with the error of its refresh', async () => {
    const { miners, add } = scene(2);
    const job = add(1, { refresh: failingRefresh });
    job.refreshIfDue(5_000, 5_000);
    await expect(job.mined).rejects.toThrow('no tips');
    expect(miners.digests).toEqual([]);
  });
});
