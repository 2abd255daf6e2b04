import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { TangleError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import {
  openPowService,
  type Mined,
  type MineJob,
  type MineProgress,
  type PowService,
  type PowServiceDeps,
  type PowServiceOptions,
} from '../../src/pow/service.ts';
import { HandClock } from '../support/clock.ts';
import { misbehaviour, started } from './misbehaviour.ts';

const easy = 5;
/** A day of work, and still a cost that can be added up. */
const endless = 25;

type Deps = Partial<PowServiceDeps>;

function openTestService(
  options: Partial<PowServiceOptions> = {},
  deps: Deps = {},
): Promise<PowService> {
  return openPowService(
    {
      workers: 1,
      cpuBudget: 1,
      maxZeros: endless,
      queueSize: 32,
      refreshTipsIntervalMs: 5_000,
      maxJobMs: Infinity,
      quotaHashesPerMinute: 0,
      minPowScore: 4_000,
      wideVectors: false,
      ...options,
    },
    {
      log: silentLogger,
      clock: new HandClock(),
      eventLoopDelayMs: () => 0,
      workerUrl: new URL('test-worker.ts', import.meta.url),
      ...deps,
    },
  );
}

const aJob = (more: Partial<MineJob> = {}): MineJob => ({
  digest: new Uint8Array(32),
  zeros: easy,
  sizeBytes: 100,
  client: 'somebody',
  signal: new AbortController().signal,
  ...more,
});

/** A job that goes on until it is told to stop, in the hands of a worker. */
async function occupy(service: PowService, more: Partial<MineJob> = {}) {
  const stopper = new AbortController();
  const digest = new Uint8Array(32).fill(1);
  const running = started(1);
  const mined = service.mine(
    aJob({ digest, zeros: endless, client: 'blocker', signal: stopper.signal, ...more }),
  );
  mined.catch(() => undefined);
  await running;
  return { mined, stop: () => stopper.abort() };
}

const codeOf = (job: Promise<Mined>): Promise<string> =>
  job.then(
    () => 'mined',
    (error: { code: string }) => error.code,
  );

describe('the service', () => {
  it('mines a nonce for the digest', async () => {
    await using service = await openTestService();
    const { nonce, digest } = await service.mine(aJob());
    expect(trailingZeros(digest, nonce)).toBeGreaterThanOrEqual(easy);
    expect(digest).toEqual(new Uint8Array(32));
  });

  it('fails the job of a bad worker and goes on', async () => {
    await using service = await openTestService();
    const digest = new Uint8Array(32).fill(misbehaviour.dies);
    await expect(service.mine(aJob({ digest }))).rejects.toMatchObject({ code: 'POW_FAILED' });
    await service.mine(aJob());
    expect(service.status()).toMatchObject({ running: 0, queued: 0 });
  });

  it('tells a client where its job is', async () => {
    await using service = await openTestService();
    const { stop } = await occupy(service);
    const told: MineProgress[] = [];
    const job = service.mine(aJob({ zeros: 7, onProgress: (progress) => told.push(progress) }));
    expect(told).toEqual([
      expect.objectContaining({ state: 'queued', position: 1, hashes: 0, expectedHashes: 3 ** 7 }),
    ]);
    expect(told[0]!.expectedMs).toBeGreaterThan(0);
    stop();
    await job;
  });

  it('tells a client how its job goes on', async () => {
    await using service = await openTestService();
    const { promise, resolve } = Promise.withResolvers<MineProgress>();
    const onProgress = (progress: MineProgress): void => {
      if (progress.hashes > 0) resolve(progress);
    };
    const { stop } = await occupy(service, { onProgress });
    const progress = await promise;
    expect(progress).toMatchObject({ state: 'mining', position: 0, expectedHashes: 3 ** endless });
    expect(progress.hashesPerSecond).toBeGreaterThan(0);
    expect(service.status()).toMatchObject({ running: 1, isBackingOff: false });
    stop();
  });

  it('tells what it is at', async () => {
    await using service = await openTestService({ queueSize: 4, maxZeros: 25 });
    const { stop } = await occupy(service);
    const waiting = [1, 2].map(() => service.mine(aJob()));
    expect(service.status()).toMatchObject({
      workers: 1,
      cpuBudget: 1,
      maxZeros: 25,
      running: 1,
      queued: 2,
      queueSize: 4,
      queuedHashes: 2 * 3 ** easy,
    });
    stop();
    await Promise.all(waiting);
    expect(service.status()).toMatchObject({ running: 0, queued: 0, queuedHashes: 0 });
  });

  it('forecasts what a message would meet', async () => {
    await using service = await openTestService({ maxZeros: 17 });
    const idle = service.estimate(300);
    expect(idle).toMatchObject({ zeros: 13, expectedHashes: 3 ** 13, queueMs: 0 });
    expect(idle.isAccepted).toBe(true);
    expect(service.estimate(32_286)).toMatchObject({ zeros: 18, isAccepted: false });
    const { stop } = await occupy(service, { zeros: 17 });
    expect(service.estimate(300).queueMs).toBeGreaterThan(idle.expectedMs);
    stop();
  });
});

describe('a refusal', () => {
  it('names the largest message that would be taken', async () => {
    await using service = await openTestService({ maxZeros: 17 });
    await expect(service.mine(aJob({ zeros: 18, sizeBytes: 32_768 }))).rejects.toMatchObject({
      code: 'POW_TOO_HARD',
      details: { largestSizeBytes: 32_285 },
    });
  });

  it('tells by a full queue when there will be room', async () => {
    await using service = await openTestService({ queueSize: 1 });
    const { stop } = await occupy(service);
    const waiting = service.mine(aJob());
    const refusal = await service.mine(aJob({ client: 'other' })).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'POW_BUSY' });
    const { retryAfterSeconds } = (refusal as TangleError).details;
    // What runs counts too, and it runs long.
    expect(retryAfterSeconds).toBeGreaterThan(1);
    expect(retryAfterSeconds).toBeLessThanOrEqual(3_600);
    stop();
    await waiting;
  });

  it('does not forget a job that took over from one that left', async () => {
    await using service = await openTestService(
      { refreshTipsIntervalMs: 1 },
      { clock: systemClock },
    );
    const { stop } = await occupy(service);
    const leaving = new AbortController();
    const looked = Promise.withResolvers<void>();
    let refreshes = 0;
    const next = service.mine(
      aJob({
        zeros: endless,
        signal: leaving.signal,
        refresh: () => {
          refreshes += 1;
          if (refreshes === 3) looked.resolve();
          return new Uint8Array(32).fill(refreshes);
        },
      }),
    );
    stop();
    await looked.promise;
    leaving.abort();
    expect(await codeOf(next)).toBe('POW_ABORTED');
  });

  it('comes when the quota is used up, but not for work that was not done', async () => {
    await using service = await openTestService({ quotaHashesPerMinute: 400 });
    const { stop } = await occupy(service);
    const impatient = new AbortController();
    const left = service.mine(aJob({ signal: impatient.signal }));
    await expect(service.mine(aJob())).rejects.toMatchObject({ code: 'POW_QUOTA' });
    impatient.abort();
    expect(await codeOf(left)).toBe('POW_ABORTED');
    stop();
    await service.mine(aJob());
    await expect(service.mine(aJob())).rejects.toMatchObject({
      code: 'POW_QUOTA',
      details: { retryAfterSeconds: 13 }, // 2 x 243 hashes are 86 more than 400
    });
    await service.mine(aJob({ client: 'other' }));
  });

  it('comes for a job that cannot be done in time', async () => {
    await using service = await openTestService({ maxJobMs: 10_000 });
    await expect(service.mine(aJob({ zeros: endless }))).rejects.toMatchObject({
      code: 'POW_DEADLINE',
      details: { retryAfterSeconds: 1 },
    });
    await service.mine(aJob());
  });
});

describe('the deadline', () => {
  it('ends jobs, running or waiting, that are not done in time', async () => {
    const clock = new HandClock();
    const tenYearsMs = 10 * 365 * 24 * 3_600_000;
    await using service = await openTestService({ maxJobMs: tenYearsMs }, { clock });
    const { mined } = await occupy(service);
    const waiting = service.mine(aJob({ zeros: endless }));
    clock.advance(tenYearsMs + 1);
    expect(await Promise.all([mined, waiting].map(codeOf))).toEqual([
      'POW_DEADLINE',
      'POW_DEADLINE',
    ]);
    await service.mine(aJob());
  });
});

describe('a client that leaves', () => {
  it('frees its worker', async () => {
    await using service = await openTestService();
    const { mined, stop } = await occupy(service);
    const next = service.mine(aJob());
    stop();
    expect(await codeOf(mined)).toBe('POW_ABORTED');
    await next;
  });

  it('frees its place in the queue', async () => {
    await using service = await openTestService({ queueSize: 1 });
    const { stop } = await occupy(service);
    const impatient = new AbortController();
    const left = service.mine(aJob({ signal: impatient.signal }));
    impatient.abort();
    expect(service.status().queued).toBe(0);
    const next = service.mine(aJob());
    expect(await codeOf(left)).toBe('POW_ABORTED');
    stop();
    await next;
  });

  it('had better not ask', async () => {
    await using service = await openTestService();
    const job = aJob({ signal: AbortSignal.abort() });
    await expect(service.mine(job)).rejects.toMatchObject({ code: 'POW_ABORTED' });
    expect(service.status()).toMatchObject({ running: 0, queued: 0 });
  });
});

describe('the tips of a job', () => {
  it('are refreshed when mining takes long', async () => {
    const clock = new HandClock();
    await using service = await openTestService({ workers: 2 }, { clock });
    const fresh = new Uint8Array(32).fill(9);
    const refreshed = started(9);
    const { stop } = await occupy(service, { refresh: () => fresh });
    clock.advance(5_000);
    await refreshed;
    expect(service.status().running).toBe(1);
    stop();
  });
});

describe('the budget', () => {
  it('changes at run time, and the forecasts with it', async () => {
    await using service = await openTestService();
    const before = service.status().hashesPerSecond;
    service.setCpuBudget(0.05);
    expect(service.status().cpuBudget).toBe(0.05);
    expect(service.status().hashesPerSecond).toBeLessThan(before);
    await service.mine(aJob());
  });

  it('is not used up while the node is late, and is again when it is not', async () => {
    let delayMs = 1_000;
    await using service = await openTestService({}, { eventLoopDelayMs: () => delayMs });
    const [late, inTime] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const onProgress = (): void => {
      const { isBackingOff } = service.status();
      if (isBackingOff) late.resolve();
      else if (delayMs === 0) inTime.resolve();
    };
    const { stop } = await occupy(service, { onProgress });
    await late.promise;
    delayMs = 0;
    await inTime.promise;
    expect(service.status().isBackingOff).toBe(false);
    stop();
  });
});

describe('closing', () => {
  it('ends what runs, what waits and what comes later', async () => {
    const service = await openTestService();
    const { mined } = await occupy(service);
    const waiting = service.mine(aJob());
    const codes = Promise.all([mined, waiting].map(codeOf));
    await service[Symbol.asyncDispose]();
    expect(await codes).toEqual(['STOPPING', 'STOPPING']);
    expect(await codeOf(service.mine(aJob()))).toBe('STOPPING');
  });
});

/** 200 clients ask at once while one asks for everything; then half of them leave. */
async function crowd(service: PowService) {
  const { stop } = await occupy(service);
  const finished: string[] = [];
  const worked = new Set<string>();
  let longestQueue = 0;
  const ask = (client: string, signal = new AbortController().signal): Promise<string> => {
    const onProgress = ({ state, hashes }: MineProgress): void => {
      if (state === 'mining' || hashes > 0) worked.add(client);
    };
    const mined = service.mine(aJob({ client, signal, onProgress, zeros: 7 }));
    longestQueue = Math.max(longestQueue, service.status().queued);
    const code = codeOf(mined);
    void code.then((value) => value === 'mined' && finished.push(client));
    return code;
  };
  const leaving = new AbortController();
  const greedy = Array.from({ length: 100 }, () => ask('greedy'));
  const clients = Array.from({ length: 200 }, (_, index) =>
    index % 2 === 0 ? ask(`stays ${index}`) : ask(`leaves ${index}`, leaving.signal),
  );
  leaving.abort();
  greedy.push(...Array.from({ length: 100 }, () => ask('greedy')));
  return { ask, stop, finished, worked, longestQueue: () => longestQueue, greedy, clients };
}

describe('a crowd', () => {
  const queueSize = 32;

  it('finds a bound, and each of it gets its share', async () => {
    await using service = await openTestService({ queueSize });
    const { stop, finished, worked, longestQueue, greedy, clients } = await crowd(service);
    expect(longestQueue()).toBe(queueSize);
    stop();
    const codes = await Promise.all(clients);
    const greedyCodes = await Promise.all(greedy);

    // All of the first 31 found room; those that left did no work and left it to the greedy one.
    const servedClients = finished.filter((client) => client.startsWith('stays'));
    expect(servedClients).toHaveLength(16);
    expect(codes.filter((code) => code === 'POW_ABORTED')).toHaveLength(15);
    expect(codes.filter((code) => code === 'POW_BUSY')).toHaveLength(169);
    expect([...worked].filter((client) => client.startsWith('leaves'))).toEqual([]);

    // While others waited the greedy one had one job, as each of them; then the rest of the queue.
    const lastOther = finished.findLastIndex((client) => client !== 'greedy');
    const before = finished.slice(0, lastOther).filter((client) => client === 'greedy');
    expect(before.length).toBeLessThanOrEqual(1);
    expect(greedyCodes.filter((code) => code === 'mined')).toHaveLength(queueSize - 16);
  });

  it('does not keep a newcomer waiting for three jobs when one client asks for everything', async () => {
    await using service = await openTestService({ queueSize });
    const { ask, stop, finished, clients } = await crowd(service);
    stop();
    await Promise.all(clients);
    // The greedy one goes on: whenever it gets a nonce, it asks for two more.
    const insist = async (): Promise<void> => {
      if ((await ask('greedy')) === 'mined') void Promise.all([insist(), insist()]);
    };
    for (let count = 0; count < queueSize; count++) void insist();
    const before = finished.length;
    expect(await ask('honest')).toBe('mined');
    expect(finished.indexOf('honest') - before).toBeLessThan(3);
  });

  it('leaves no trace in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await using service = await openTestService({ queueSize });
    const heapBytesAfterCrowd = async (): Promise<number> => {
      const { stop, greedy, clients } = await crowd(service);
      stop();
      await Promise.all([...clients, ...greedy]);
      collect();
      return process.memoryUsage().heapUsed;
    };
    await heapBytesAfterCrowd(); // compiles and caches what is used for the first time
    const beforeBytes = await heapBytesAfterCrowd();
    const afterBytes = await heapBytesAfterCrowd();
    expect(afterBytes - beforeBytes).toBeLessThan(256 * 1024);
    expect(service.status()).toMatchObject({ running: 0, queued: 0, queuedHashes: 0 });
  });
});
