// What does a message cost when the store has grown, and what would it cost in the field's layout? Messages
// come through the door that ships; each piece runs in a process of its own, the stores in turns, and the
// medians count.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { minSizeBytes } from '../src/pruning/limits.ts';
import { aFolder } from '../test/support/folder.ts';
import { corpusOf, messageBytes } from './corpus.ts';
import type { Job, Pruned, ReadTimes, Used } from './store-run.ts';
import { median } from './table.ts';
import type { Bar, Mode, Row } from './table.ts';

const million = 1_000_000;
const modes = {
  smoke: { counts: [2_000], rounds: 1 },
  usual: { counts: [million / 10, million], rounds: 3 },
  large: { counts: [million / 10, million, 10 * million], rounds: 1 },
};

/** What one round found of one store at one size. */
interface Round {
  readonly intake: Used;
  readonly read: ReadTimes;
  readonly prune: Pruned;
}

/** In a process of its own, so that CPU, memory and written bytes are of this piece alone. */
function run(job: Job): unknown {
  const script = join(import.meta.dirname, 'store-run.ts');
  const args = ['--max-semi-space-size=16', script, JSON.stringify(job)];
  const child = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0)
    throw new Error(`${job.piece} of ${job.store} ended with ${child.status}`);
  return JSON.parse(child.stdout);
}

function runRound(job: Omit<Job, 'piece'>): Round {
  try {
    const intake = run({ ...job, piece: 'intake' }) as Used;
    const read = run({ ...job, piece: 'read' }) as ReadTimes;
    const prune = run({ ...job, piece: 'prune' }) as Pruned;
    return { intake, read, prune };
  } finally {
    rmSync(job.dataDir, { recursive: true, force: true });
  }
}

/** A store that grows beyond it is kept to a quarter of that, if that is more than the least that can be set. */
const bytesPerMessage = 500;

/** The rounds of both stores and of the store that is pruned while it grows, at one size. */
class Size {
  readonly midge: Round[] = [];
  readonly byId: Round[] = [];
  readonly pruned: Used[] = [];

  readonly count: number;
  readonly file: string;

  constructor(count: number, file: string) {
    this.count = count;
    this.file = file;
  }

  get maxSizeBytes(): number {
    return Math.max(minSizeBytes, (this.count * bytesPerMessage) / 4);
  }

  run(folder: string): void {
    const { count, file } = this;
    const job = { count, file, dataDir: join(folder, 'data') };
    this.midge.push(runRound({ ...job, store: 'midge' }));
    this.byId.push(runRound({ ...job, store: 'by id' }));
    const { maxSizeBytes } = this;
    this.pruned.push(run({ ...job, store: 'midge', piece: 'intake', maxSizeBytes }) as Used);
    rmSync(job.dataDir, { recursive: true, force: true });
  }
}

const perSecond = ({ messages, seconds }: Used): number => messages / seconds;
const cpuUs = ({ messages, cpuSeconds }: Used): number => (cpuSeconds * 1e6) / messages;
const writtenPerByte = ({ messages, writtenBytes }: Used): number =>
  writtenBytes / (messages * messageBytes);
const sizePerMessage = ({ messages, sizeOnDiskBytes }: Used): number => sizeOnDiskBytes / messages;
const rssMiB = ({ peakRssBytes }: Used): number => peakRssBytes / 2 ** 20;

interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly of: (round: Round) => number;
  /** How much of it the field's layout has, so that more than 1 is better. */
  readonly isRate?: boolean;
  /** Said of larger stores too: how many times what the smallest one has. */
  readonly grows?: boolean;
  readonly bar?: Bar;
  /** How much of what the smallest has a million may have. */
  readonly growth?: number;
}

const figures: readonly Figure[] = [
  {
    what: 'intake through the door',
    unit: 'messages/s',
    of: ({ intake }) => perSecond(intake),
    isRate: true,
    bar: { of: 'ratio', atLeast: 1.5 },
  },
  {
    what: 'CPU of it',
    unit: 'us a message',
    of: ({ intake }) => cpuUs(intake),
    grows: true,
    growth: 1.4,
    bar: { of: 'ratio', atLeast: 1.5 },
  },
  {
    what: 'written to disk by it, pruning off',
    unit: 'bytes a message byte',
    of: ({ intake }) => writtenPerByte(intake),
    // At most 0.4 times as much.
    bar: { of: 'ratio', atLeast: 2.5 },
  },
  { what: 'size on disk', unit: 'bytes a message', of: ({ intake }) => sizePerMessage(intake) },
  { what: 'peak RSS of the intake', unit: 'MiB', of: ({ intake }) => rssMiB(intake) },
  { what: 'read by id, p50', unit: 'us', of: ({ read }) => read.idP50Us, grows: true, growth: 1.6 },
  { what: 'read by id, p99', unit: 'us', of: ({ read }) => read.idP99Us, grows: true, growth: 3 },
  { what: 'search of 50, p50', unit: 'us', of: ({ read }) => read.indexP50Us, grows: true },
  { what: 'search of 50, p99', unit: 'us', of: ({ read }) => read.indexP99Us, grows: true },
  {
    what: 'pruning the older half until it is gone',
    unit: 'messages/s',
    of: ({ prune }) => perSecond(prune.gone),
    isRate: true,
    bar: { of: 'ratio', atLeast: 8 },
  },
  {
    what: 'CPU of it',
    unit: 'us a message',
    of: ({ prune }) => cpuUs(prune.gone),
    bar: { of: 'ratio', atLeast: 8 },
  },
  {
    what: 'and until it is off the disk',
    unit: 'messages/s',
    of: ({ prune }) => perSecond(prune.reclaimed),
    isRate: true,
  },
  { what: 'CPU of it', unit: 'us a message', of: ({ prune }) => cpuUs(prune.reclaimed) },
  {
    what: 'size on disk then',
    unit: 'bytes a message left',
    of: ({ prune }) => sizePerMessage(prune.reclaimed),
  },
];

function rowsOf(size: Size, smallest: Size): Row[] {
  const bench = `store ${size.count.toLocaleString('en')}`;
  // Of a smoke the numbers mean nothing.
  const hasBars = size.count >= million / 10;
  const isMillion = size.count === million;
  const rows = figures.flatMap((figure): Row[] => {
    const value = median(size.midge.map(figure.of));
    const theirs = median(size.byId.map(figure.of));
    const { what, unit, bar, growth } = figure;
    const ratio = figure.isRate === true ? value / theirs : theirs / value;
    const against = 'keyed by id in one database';
    const row = { bench, what, value, unit, ratio, against, ...(bar && hasBars ? { bar } : {}) };
    if (figure.grows !== true || size === smallest) return [row];
    const before = median(smallest.midge.map(figure.of));
    const than = `times that of ${smallest.count.toLocaleString('en')}`;
    const most: Bar | undefined = growth && isMillion ? { of: 'value', atMost: growth } : undefined;
    const grown = { bench, what: `  ${what}`, value: value / before, unit: than };
    return [row, { ...grown, ...(most && { bar: most }) }];
  });
  const faster = (of: (prune: Pruned) => Used, unit: (used: Used) => number): number =>
    median(size.midge.map(({ intake, prune }) => unit(of(prune)) / unit(intake)));
  const cheaper = 1 / faster(({ reclaimed }) => reclaimed, cpuUs);
  const times = 'times that of intake';
  const twice = hasBars ? { bar: { of: 'value', atLeast: 2 } as const } : {};
  const limit = `kept to ${Math.round(size.maxSizeBytes / 2 ** 20)} MiB meanwhile`;
  const written: Row = {
    bench,
    what: 'written to disk by intake, of itself',
    value: median(size.midge.map(({ intake }) => writtenPerByte(intake))),
    unit: 'bytes a message byte',
    bar: { of: 'value', atMost: 5 },
  };
  return [
    ...rows,
    ...(isMillion ? [written] : []),
    {
      bench,
      what: 'rate of pruning, gone',
      value: faster((p) => p.gone, perSecond),
      unit: times,
      ...twice,
    },
    {
      bench,
      // No bar: to look for what was pruned in all of the index at once costs as much as to take it in (docs/storage.md).
      what: '  off the disk',
      value: faster((p) => p.reclaimed, perSecond),
      unit: times,
    },
    { bench, what: '  off the disk, messages a second of CPU', value: cheaper, unit: times },
    {
      bench,
      what: `intake, ${limit}`,
      value: median(size.pruned.map(perSecond)),
      unit: 'messages/s',
    },
    {
      bench,
      what: 'written to disk by it',
      value: median(size.pruned.map(writtenPerByte)),
      unit: 'bytes a message byte',
    },
  ];
}

export async function storeBench({ isSmoke, isLarge }: Mode): Promise<readonly Row[]> {
  const { counts, rounds } = isSmoke ? modes.smoke : isLarge ? modes.large : modes.usual;
  await using folder = await aFolder();
  const sizes: Size[] = [];
  for (const count of counts) sizes.push(new Size(count, await corpusOf(count)));
  console.log(
    `store: medians of ${rounds} interleaved rounds; power-loss, 256 a batch, ${messageBytes}-byte ` +
      'messages with two parents and a key, score 1; cold caches before reads, a start has settled before reads and pruning',
  );
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) size.run(folder.path);
  }
  return sizes.flatMap((size) => rowsOf(size, sizes[0] ?? size));
}
