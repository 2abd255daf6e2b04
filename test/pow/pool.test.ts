import { PowHelper } from '@iota/iota.js';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { powDigestOf } from '../../src/protocol/ids.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import { openPowPool, type PowPool } from '../../src/pow/pool.ts';
import { bootFailure, misbehaviour, startedChannel } from './misbehaviour.ts';

const never = new AbortController().signal;
const easy = 3;
/** More than a lifetime of work. */
const endless = 243;

const digestOf = (firstByte: number): Uint8Array => new Uint8Array(32).fill(firstByte);
const easyJob = { digest: digestOf(0), zeros: easy, signal: never };
const endlessJob = (signal: AbortSignal, digest = digestOf(1)) => ({
  digest,
  zeros: endless,
  signal,
});

const log = silentLogger;
const workerUrl = new URL('test-worker.ts', import.meta.url);
const openTestPool = (options: { workers: number; queueSize?: number }): Promise<PowPool> =>
  openPowPool(options, { log, workerUrl });

/** Resolves when a job whose digest begins with this byte is in the hands of a worker. */
function started(firstByte: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const channel = new BroadcastChannel(startedChannel);
  channel.addEventListener('message', (event) => {
    if (!(event instanceof MessageEvent) || event.data !== firstByte) return;
    channel.close();
    resolve();
  });
  return promise;
}

async function expectToWork(pool: PowPool): Promise<void> {
  const nonce = await pool.mine(easyJob);
  expect(trailingZeros(easyJob.digest, nonce)).toBeGreaterThanOrEqual(easy);
}

describe('the pool', () => {
  it('mines what the scalar reference and the public client accept', async () => {
    await using pool = await openPowPool({ workers: 2 }, { log });
    const messages = Array.from({ length: 8 }, (_, index) => new Uint8Array(60).fill(index));
    await Promise.all(
      messages.map(async (message) => {
        const digest = powDigestOf(message);
        const nonce = await pool.mine({ digest, zeros: 8, signal: never });
        new DataView(message.buffer).setBigUint64(52, nonce, true);
        expect(trailingZeros(digest, nonce)).toBeGreaterThanOrEqual(8);
        expect(PowHelper.score(message)).toBeGreaterThanOrEqual(3 ** 8 / 60);
      }),
    );
  });

  it('refuses a job when all workers are busy and the line is full', async () => {
    await using pool = await openTestPool({ workers: 1, queueSize: 1 });
    const [running, waiting] = [new AbortController(), new AbortController()];
    const jobs = [pool.mine(endlessJob(running.signal)), pool.mine(endlessJob(waiting.signal))];
    const ended = Promise.allSettled(jobs);
    await expect(pool.mine(easyJob)).rejects.toMatchObject({ code: 'POW_BUSY' });
    waiting.abort();
    await expect(jobs[1]).rejects.toMatchObject({ code: 'POW_ABORTED' });
    const inItsPlace = expectToWork(pool);
    running.abort();
    await inItsPlace;
    await ended;
  });
});

describe('cancelling', () => {
  it('rejects at once when the signal has already come', async () => {
    await using pool = await openTestPool({ workers: 1, queueSize: 0 });
    const job = endlessJob(AbortSignal.abort());
    await expect(pool.mine(job)).rejects.toMatchObject({ code: 'POW_ABORTED' });
    await expectToWork(pool);
  });

  it('stops a job that is running, and the worker takes the next', async () => {
    await using pool = await openTestPool({ workers: 1, queueSize: 0 });
    for (let round = 0; round < 5; round++) {
      const stopper = new AbortController();
      const running = started(1);
      const job = pool.mine(endlessJob(stopper.signal));
      await running;
      stopper.abort();
      await expect(job).rejects.toMatchObject({ code: 'POW_ABORTED' });
    }
    await expectToWork(pool);
  });

  it('stops only its own job', async () => {
    await using pool = await openTestPool({ workers: 2 });
    const [first, second] = [new AbortController(), new AbortController()];
    const bothRunning = Promise.all([started(1), started(2)]);
    const jobs = [
      pool.mine(endlessJob(first.signal, digestOf(1))),
      pool.mine(endlessJob(second.signal, digestOf(2))),
    ];
    const ended = Promise.allSettled(jobs);
    await bothRunning;
    first.abort();
    await expect(jobs[0]).rejects.toMatchObject({ code: 'POW_ABORTED' });
    await expectToWork(pool);
    second.abort();
    await ended;
  });

  it('changes nothing after the end', async () => {
    await using pool = await openTestPool({ workers: 1 });
    const late = new AbortController();
    const nonce = await pool.mine({ ...easyJob, signal: late.signal });
    late.abort();
    expect(trailingZeros(easyJob.digest, nonce)).toBeGreaterThanOrEqual(easy);
    await expectToWork(pool);
  });
});

describe('closing', () => {
  it('aborts what runs, what waits and what comes later', async () => {
    const pool = await openTestPool({ workers: 1 });
    const running = started(1);
    const jobs = [pool.mine(endlessJob(never)), pool.mine(endlessJob(never))];
    const ended = Promise.allSettled(jobs);
    await running;
    await pool[Symbol.asyncDispose]();
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'POW_ABORTED' });
    await expect(pool.mine(easyJob)).rejects.toMatchObject({ code: 'POW_ABORTED' });
    await ended;
  });
});

describe('a pool with bad workers', () => {
  afterEach(() => {
    delete process.env[bootFailure];
  });

  it.each(['dies', 'throws', 'lies'] as const)('goes on after a worker %s', async (what) => {
    await using pool = await openTestPool({ workers: 1 });
    const bystander = pool.mine(easyJob);
    const victim = pool.mine({ ...easyJob, digest: digestOf(misbehaviour[what]) });
    const after = pool.mine(easyJob);
    await expect(victim).rejects.toMatchObject({ code: 'POW_FAILED' });
    await Promise.all([bystander, after, expectToWork(pool)]);
  });

  it('answers the jobs of a worker that did not start, and tries another one', async () => {
    await using pool = await openTestPool({ workers: 1 });
    process.env[bootFailure] = 'yes';
    const killer = { ...easyJob, digest: digestOf(misbehaviour.dies) };
    await expect(pool.mine(killer)).rejects.toMatchObject({ code: 'POW_FAILED' });
    await expect(pool.mine(easyJob)).rejects.toMatchObject({ code: 'POW_FAILED' });
    delete process.env[bootFailure];
    await expectToWork(pool);
  });

  it('does not open when the workers cannot start at all', async () => {
    process.env[bootFailure] = 'yes';
    await expect(openTestPool({ workers: 2 })).rejects.toMatchObject({ code: 'POW_FAILED' });
  });
});
