// One measured piece of the store's bench, in a process of its own, so that CPU time, memory and written
// bytes are of this piece alone: `node bench/store-run.ts JOB`, the job as JSON.
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../src/clock.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';
import { silentLogger } from '../src/log.ts';
import { verifyWork } from '../src/pow/verify.ts';
import { messageIdOf } from '../src/protocol/ids.ts';
import type { MessageId } from '../src/protocol/ids.ts';
import { openStore } from '../src/storage/open.ts';
import type { Store } from '../src/storage/store.ts';
import { Intake } from '../src/tangle/intake.ts';
import { TipPool } from '../src/tangle/tips.ts';
import { intakeOptions, storeOptions } from '../src/wiring.ts';
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
  /** While messages come in, no more than this many are kept. */
  readonly keepMessages?: number;
}

/** What the door takes at a time. Twice as many are on their way, so that one batch waits while one is written. */
const batchSize = 256;
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
  const stats = await Promise.all(
    files.map(({ parentPath, name }) => stat(join(parentPath, name))),
  );
  return stats.reduce((sum, { blocks }) => sum + 512 * blocks, 0);
}

/** Runs the work; what it opens it closes, so that the closing counts too. */
async function measured(job: Job, work: (job: Job) => Promise<number>): Promise<Used> {
  const cpu = process.cpuUsage();
  const written = writtenBytes();
  const startMs = performance.now();
  const messages = await work(job);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    writtenBytes: writtenBytes() - written,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    messages,
    sizeOnDiskBytes: await sizeOf(job.dataDir),
  };
}

/** The door that ships, before either store. */
async function throughTheDoor(job: Job): Promise<number> {
  const { store: name, file, dataDir, count, keepMessages } = job;
  await using stack = new AsyncDisposableStack();
  const opened = name === 'midge' ? await openMidge(dataDir) : await openYardstick(dataDir);
  // The yardstick has the functions that the door calls when no message has to wait.
  const store = stack.use(opened) as unknown as Store;
  let batches = 0;
  const intake = stack.use(
    new Intake(intakeOptions(configOf(dataDir)), {
      store,
      tips: new TipPool({ clock: systemClock }),
      verifyWork,
      clock: systemClock,
      log: silentLogger,
      announce: () => {
        batches += 1;
      },
    }),
  );
  await intake.restore();
  const submit = async (bytes: Uint8Array): Promise<void> => {
    const { kind } = await intake.submit(bytes, 'peer:bench');
    if (kind !== 'accepted') throw new Error(`unexpected outcome ${kind}`);
  };
  let before: Promise<unknown> = Promise.resolve();
  for await (const list of readCorpus(file, batchSize)) {
    const sent = Promise.all(list.map(submit));
    await before;
    before = sent;
    const upToSeq = store.lastSeq - (keepMessages ?? Infinity);
    if (upToSeq > store.cutSeq) await store.cut({ upToSeq });
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
  const find = (key: Uint8Array): Promise<readonly unknown[]> =>
    store instanceof YardstickById
      ? store.findByIndex(key, limit)
      : store.findByIndex(key, { limit });
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

/** The older half goes. */
async function pruneHalf({ store: name, dataDir, count }: Job): Promise<number> {
  const half = count / 2;
  let pruned = 0;
  if (name === 'by id') {
    await using store = await openYardstick(dataDir);
    for (let milestone = 0; pruned < half; milestone++) pruned += await store.prune(milestone);
    return pruned;
  }
  await using store = await openMidge(dataDir);
  while (pruned < half) pruned += (await store.cut({ upToSeq: half }))?.messageCount ?? Infinity;
  return pruned;
}

const pieces: Readonly<Record<Piece, (job: Job) => Promise<Used | ReadTimes>>> = {
  intake: (job) => measured(job, throughTheDoor),
  read,
  prune: (job) => measured(job, pruneHalf),
};

const job = JSON.parse(process.argv[2] ?? '{}') as Job;
console.log(JSON.stringify(await pieces[job.piece](job)));
