// One measured piece of the store's bench, in a process of its own, so that CPU time, memory and written
// bytes are of this piece alone: `node bench/store-run.ts JOB`, the job as JSON.
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';
import { silentLogger } from '../src/log.ts';
import { verifyWork } from '../src/pow/verify.ts';
import { messageIdOf } from '../src/protocol/ids.ts';
import type { MessageId } from '../src/protocol/ids.ts';
import { openPruning } from '../src/pruning/open.ts';
import type { Pruner } from '../src/pruning/pruner.ts';
import { openStore } from '../src/storage/open.ts';
import type { Store } from '../src/storage/store.ts';
import { Intake } from '../src/tangle/intake.ts';
import { TipPool } from '../src/tangle/tips.ts';
import { intakeOptions, pruningOptions, storeOptions } from '../src/wiring.ts';
import { testNetwork } from '../test/support/messages.ts';
import { indexKeyOf, keyCountOf, messagesPerKey, readCorpus } from './corpus.ts';
import { YardstickById } from './yardstick-by-id.ts';

export type Piece = 'intake' | 'read' | 'prune';
export type StoreName = 'midge' | 'by id';

export interface Job {
  readonly piece: Piece;
  readonly store: StoreName;
  readonly count: number;
  readonly file: string;
  readonly dataDir: string;
  /** What the folder is kept to while messages come in. */
  readonly maxSizeBytes?: number;
}

/** What the door takes at a time. Twice as many are on their way, so that one batch waits while one is written. */
const batchSize = 256;
const source = 'peer:bench';
const idReads = 20_000;
const indexReads = 2_000;

export interface Used {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly writtenBytes: number;
  readonly peakRssBytes: number;
  readonly messages: number;
  readonly sizeOnDiskBytes: number;
}

export interface ReadTimes {
  readonly idP50Us: number;
  readonly idP99Us: number;
  readonly indexP50Us: number;
  readonly indexP99Us: number;
}

function configOf(dataDir: string): Config {
  const argv = ['--data-dir', dataDir, '--network.name', testNetwork.name];
  argv.push('--network.min-pow-score', '1');
  return loadConfig({ argv, env: {}, cwd: dataDir }).config;
}

function openMidge(dataDir: string): Promise<Store> {
  return openStore(storeOptions(configOf(dataDir)), { log: silentLogger });
}

function openYardstick(dataDir: string): Promise<YardstickById> {
  const { cacheBytes, durability } = storeOptions(configOf(dataDir));
  return YardstickById.open({ dataDir, cacheBytes, isSynced: durability === 'power-loss' });
}

function writtenBytes(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const blocks = await Promise.all(
    // A file may go while it is looked at.
    files.map(({ parentPath, name }) => stat(join(parentPath, name)).catch(() => ({ blocks: 0 }))),
  );
  return blocks.reduce((sum, file) => sum + 512 * file.blocks, 0);
}

/** Counts from when it is made. */
class Meter {
  readonly #dataDir: string;
  readonly #cpu = process.cpuUsage();
  readonly #written = writtenBytes();
  readonly #startMs = performance.now();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async used(messages: number): Promise<Used> {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      seconds,
      cpuSeconds: (user + system) / 1e6,
      writtenBytes: writtenBytes() - this.#written,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      messages,
      sizeOnDiskBytes: await sizeOf(this.#dataDir),
    };
  }
}

/** Runs the work; what it opens it closes, so that the closing counts too. */
async function measured(job: Job, work: (job: Job) => Promise<number>): Promise<Used> {
  const meter = new Meter(job.dataDir);
  return meter.used(await work(job));
}

/** What a start does in the background is no part of what follows. */
async function settled(): Promise<void> {
  const calm = { share: 0.05, ms: 200 };
  for (;;) {
    const before = process.cpuUsage();
    await wait(calm.ms);
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 < calm.share * calm.ms) return;
  }
}

/** The one that ships, with no limit but that of the size, if any. */
function openPruner(store: Store, dataDir: string, maxSizeBytes = 0): Promise<Pruner> {
  const options = { ...pruningOptions(configOf(dataDir)), maxSizeBytes, reserveDiskBytes: 0 };
  return openPruning(options, { store, tips: () => [], clock: systemClock, log: silentLogger });
}

/** The door that ships, before either store. */
async function throughTheDoor(job: Job): Promise<number> {
  const { store: name, file, dataDir, count, maxSizeBytes } = job;
  await using stack = new AsyncDisposableStack();
  const opened = name === 'midge' ? await openMidge(dataDir) : await openYardstick(dataDir);
  // The yardstick has the functions that the door calls when no message has to wait.
  const store = stack.use(opened) as unknown as Store;
  let batches = 0;
  let pruner: Pruner | undefined;
  const intake = stack.use(
    new Intake(intakeOptions(configOf(dataDir)), {
      store,
      tips: new TipPool({ clock: systemClock }),
      verifyWork,
      clock: systemClock,
      log: silentLogger,
      gate: () => pruner?.gate(),
      announce: () => {
        batches += 1;
      },
    }),
  );
  await intake.restore();
  if (maxSizeBytes !== undefined)
    pruner = stack.use(await openPruner(store, dataDir, maxSizeBytes));
  const submitAll = async (list: readonly Uint8Array[]): Promise<void> => {
    for (const { kind } of await Promise.all(list.map((bytes) => intake.submit(bytes, source)))) {
      if (kind !== 'accepted') throw new Error(`unexpected outcome ${kind}`);
    }
  };
  let before = Promise.resolve();
  for await (const list of readCorpus(file, batchSize)) {
    const sent = submitAll(list);
    await before;
    before = sent;
  }
  await before;
  if (count / batches < 100) throw new Error(`a batch had only ${count / batches} messages`);
  return count;
}

function percentiles(timesUs: readonly number[]): readonly [p50: number, p99: number] {
  const sorted = timesUs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return [at(0.5), at(0.99)];
}

async function timed(work: () => unknown): Promise<number> {
  const start = process.hrtime.bigint();
  const result = work();
  if (result instanceof Promise) await result;
  return Number(process.hrtime.bigint() - start) / 1000;
}

/** Ids from all of the log, in random order. */
async function someIds({ file, count }: Job): Promise<readonly MessageId[]> {
  const every = Math.max(1, Math.floor(count / idReads));
  const ids: MessageId[] = [];
  let n = 0;
  for await (const list of readCorpus(file, batchSize)) {
    for (const bytes of list) if (n++ % every === 0) ids.push(messageIdOf(bytes));
  }
  return ids
    .map((id) => [Math.random(), id] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, id]) => id);
}

async function read(job: Job): Promise<ReadTimes> {
  const ids = await someIds(job);
  const keyCount = keyCountOf(job.count);
  const limit = messagesPerKey;
  const opened =
    job.store === 'midge' ? await openMidge(job.dataDir) : await openYardstick(job.dataDir);
  await using store = opened;
  await settled();
  const find = async (key: Uint8Array): Promise<readonly unknown[]> => {
    if (store instanceof YardstickById) return store.findByIndex(key, limit);
    return (await store.findByIndex(key, { limit })).messages;
  };
  const idTimes: number[] = [];
  for (const id of ids) {
    idTimes.push(
      await timed(() => {
        if (store.get(id) === undefined) throw new Error('a message is missing');
      }),
    );
  }
  const indexTimes: number[] = [];
  for (let n = 0; n < Math.min(indexReads, keyCount); n++) {
    const key = Buffer.from(indexKeyOf(Math.floor(Math.random() * keyCount)));
    indexTimes.push(
      await timed(async () => {
        const found = await find(key);
        if (found.length === 0) throw new Error('a search found nothing');
      }),
    );
  }
  const [idP50Us, idP99Us] = percentiles(idTimes);
  const [indexP50Us, indexP99Us] = percentiles(indexTimes);
  return { idP50Us, idP99Us, indexP50Us, indexP99Us };
}

export interface Pruned {
  /** Until the messages are gone for every read. */
  readonly gone: Used;
  /** Until what they took is off the disk. */
  readonly reclaimed: Used;
}

/** The older half goes. */
function prune(job: Job): Promise<Pruned> {
  return job.store === 'midge' ? pruneMidge(job) : pruneYardstick(job);
}

async function pruneMidge({ dataDir, count }: Job): Promise<Pruned> {
  const half = count / 2;
  await using store = await openMidge(dataDir);
  await using pruner = await openPruner(store, dataDir);
  await settled();
  const meter = new Meter(dataDir);
  const { done } = await pruner.begin({ toSeq: half });
  while (store.cutSeq < half) await wait(5);
  const gone = await meter.used(half);
  await done;
  return { gone, reclaimed: await meter.used(half) };
}

async function pruneYardstick({ dataDir, count }: Job): Promise<Pruned> {
  const half = count / 2;
  await using store = await openYardstick(dataDir);
  await settled();
  const meter = new Meter(dataDir);
  let pruned = 0;
  for (let milestone = 0; pruned < half; milestone++) pruned += await store.prune(milestone);
  const gone = await meter.used(half);
  await store.compact();
  return { gone, reclaimed: await meter.used(half) };
}

const pieces: Readonly<Record<Piece, (job: Job) => Promise<Used | ReadTimes | Pruned>>> = {
  intake: (job) => measured(job, throughTheDoor),
  read,
  prune,
};

const job = JSON.parse(process.argv[2] ?? '{}') as Job;
console.log(JSON.stringify(await pieces[job.piece](job)));
