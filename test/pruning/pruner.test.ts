import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { FolderMeter } from '../../src/pruning/disk.ts';
import { limitsOf } from '../../src/pruning/limits.ts';
import type { Disk, PruningSettings } from '../../src/pruning/limits.ts';
import { minKeptMessages } from '../../src/pruning/policy.ts';
import { Pruner } from '../../src/pruning/pruner.ts';
import type { PrunerDeps } from '../../src/pruning/pruner.ts';
import type { CompactionPart } from '../../src/storage/compaction.ts';
import type { Store } from '../../src/storage/store.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, expectConsistent, openTestStore } from '../storage/support.ts';

const MiB = 1024 * 1024;
const nowMs = Date.UTC(2027, 0, 1);
const hourMs = 3_600_000;
const settings: PruningSettings = {
  maxParentAgeMs: 60_000,
  maxSizeBytes: 0,
  reserveDiskBytes: 0,
};

/** A disk that says what it is told to. */
class TestDisk {
  freeBytes = 10_000 * MiB;
  folderBytes: (() => number) | undefined;
  readonly ballast: string[] = [];

  readonly measure = (): Promise<Disk> => {
    const { freeBytes } = this;
    const folderBytes = this.folderBytes?.() ?? 10 * MiB;
    return Promise.resolve({
      folderBytes,
      storeBytes: folderBytes,
      freeBytes,
      totalBytes: 20_000 * MiB,
    });
  };
}

interface Bench extends AsyncDisposable {
  readonly store: Store;
  readonly disk: TestDisk;
  readonly pruner: Pruner;
  readonly grower: Grower;
}

type Wish = Partial<PruningSettings> & {
  readonly messages?: number;
  readonly dataBytes?: number;
  readonly disk?: TestDisk;
  readonly maxEntryPoints?: number;
  readonly deps?: Partial<PrunerDeps>;
};

async function openBench(folder: string, wish: Wish = {}): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const { messages = 3_000, dataBytes = 16, disk = new TestDisk(), deps, ...given } = wish;
  const { maxEntryPoints = 1_000_000 } = wish;
  const store = opening.use(await openTestStore(folder, { durability: 'process-crash' }));
  const grower = new Grower();
  // One a second, the newest just now.
  for (let n = 0; n < messages; n++) {
    grower.next({ arrivalMs: nowMs - (messages - 1 - n) * 1_000, isLazy: false, dataBytes });
  }
  for (let at = 0; at < messages; at += 500) await store.append(grower.records.slice(at, at + 500));
  const limits = { ...limitsOf({ ...settings, ...given }, await disk.measure()), maxEntryPoints };
  const pruner = opening.use(
    await Pruner.start(limits, {
      store,
      tips: () => grower.records.slice(-1).map(({ id }) => id),
      measure: disk.measure,
      ballast: {
        make: () => Promise.resolve(void disk.ballast.push('made')),
        release: () => Promise.resolve(void disk.ballast.push('released')),
      },
      clock: { now: () => nowMs },
      evenMs: () => performance.now(),
      log: silentLogger,
      ...deps,
    }),
  );
  const owned = opening.move();
  return { store, disk, pruner, grower, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A pruner of the same store in which something else happens where a piece is compacted. */
async function startCompacting(
  { store, disk }: Pick<Bench, 'store' | 'disk'>,
  compact: (store: Store, part: CompactionPart, stop: AbortSignal) => Promise<void>,
  log = silentLogger,
): Promise<Pruner> {
  const watched = new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'compact') {
        return (part: CompactionPart, stop: AbortSignal) => compact(target, part, stop);
      }
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const limits = limitsOf({ ...settings, maxSizeBytes: 64 * MiB }, await disk.measure());
  return Pruner.start(limits, {
    store: watched,
    tips: () => [],
    measure: disk.measure,
    ballast: { make: () => Promise.resolve(), release: () => Promise.resolve() },
    clock: { now: () => nowMs },
    evenMs: () => performance.now(),
    log,
  });
}

/** Until the pruner has looked again, and found nothing more to do. */
async function settled({ pruner }: Bench, isDone: () => boolean): Promise<void> {
  do {
    const { disk } = pruner.status();
    pruner.resume();
    while (pruner.status().disk === disk) await new Promise(setImmediate);
  } while (!isDone() || pruner.status().state !== 'idle');
}

describe('the pruner', () => {
  it('keeps to an age', async () => {
    await using folder = await aFolder();
    await using bench = await openBench(folder.path, { maxAgeMs: 1_000_000 });
    await settled(bench, () => bench.store.cutSeq > 0);
    expect(bench.store.messageCount).toBe(1_001);
    expect(bench.pruner.status()).toMatchObject({ runs: 1, prunedMessages: 1_999 });
    await expectConsistent(bench.store);
  });

  it('keeps to a number, but not below the age that parents have', async () => {
    await using folder = await aFolder();
    await using bench = await openBench(folder.path, { maxMessages: 1_000 });
    await settled(bench, () => bench.store.cutSeq > 0);
    expect(bench.store.messageCount).toBe(990);
    await using other = await aFolder();
    await using young = await openBench(other.path, {
      maxMessages: 1_000,
      maxParentAgeMs: hourMs / 4,
    });
    await settled(young, () => young.store.cutSeq > 0);
    expect(young.store.messageCount).toBe(1_801);
    expect(young.pruner.status().isTooYoung).toBe(true);
  });

  it('keeps to a size, compacts what it freed, and stops', async () => {
    await using folder = await aFolder();
    const meter = new FolderMeter(folder.path);
    const wish = {
      maxSizeBytes: 64 * MiB,
      dataBytes: 28_000,
      deps: { measure: () => meter.measure() },
    };
    await using bench = await openBench(folder.path, wish);
    await settled(bench, () => bench.store.cutSeq > 0);
    const { folderBytes } = await meter.measure();
    expect(folderBytes).toBeLessThan(64 * MiB);
    expect(folderBytes).toBeGreaterThan(40 * MiB);
    expect(bench.pruner.status()).toMatchObject({ isBlocked: false, slowedMs: 0 });
    await expectConsistent(bench.store);
  });

  it('shuts the door while the folder is too large, keeps the newest, and says that it cannot', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    disk.folderBytes = () => 120 * MiB;
    await using bench = await openBench(folder.path, {
      maxSizeBytes: 64 * MiB,
      disk,
      messages: 500,
    });
    const gate = bench.pruner.gate();
    expect(gate).toBeInstanceOf(Promise);
    await settled(bench, () => bench.pruner.status().isBlocked);
    expect(bench.store.messageCount).toBe(minKeptMessages);
    disk.folderBytes = () => 60 * MiB;
    bench.pruner.resume();
    await gate;
    expect(bench.pruner.gate()).toBeUndefined();
  });

  it('opens the door when it is closed', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    disk.folderBytes = () => 120 * MiB;
    let gate: Promise<unknown> | undefined;
    {
      await using bench = await openBench(folder.path, {
        maxSizeBytes: 64 * MiB,
        disk,
        messages: 10,
      });
      gate = bench.pruner.gate();
      expect(gate).toBeDefined();
    }
    await gate;
  });

  it('lets nothing in below the reserve, prunes, gives up the ballast, and recovers', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    disk.freeBytes = 40 * MiB;
    const wish = { maxMessages: 100_000, reserveDiskBytes: 100 * MiB, disk };
    await using bench = await openBench(folder.path, wish);
    expect(bench.pruner.refusal()).toBe('DISK_FULL');
    await settled(bench, () => bench.store.messageCount === minKeptMessages);
    expect(disk.ballast).toContain('released');
    disk.freeBytes = 104 * MiB;
    await settled(bench, () => true);
    expect(bench.pruner.refusal()).toBe('DISK_FULL');
    disk.freeBytes = 106 * MiB;
    await settled(bench, () => bench.pruner.refusal() === undefined);
    disk.freeBytes = 300 * MiB;
    await settled(bench, () => disk.ballast.includes('made'));
  });

  it('prunes nothing of its own accord while it is paused', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    await using bench = await openBench(folder.path, { maxSizeBytes: 64 * MiB, disk });
    bench.pruner.pause();
    disk.folderBytes = () => 80 * MiB;
    await bench.pruner.prune({ toSeq: 5 });
    expect(bench.store.cutSeq).toBe(5);
    expect(bench.pruner.status().state).toBe('paused');
    bench.pruner.resume();
    await settled(bench, () => bench.store.cutSeq > 5);
  });

  it('does what the owner asks for, and leaves the newest', async () => {
    await using folder = await aFolder();
    await using bench = await openBench(folder.path);
    const { pruner, store } = bench;
    expect(await pruner.plan({ toSeq: 1_000 })).toMatchObject({ fromSeq: 1, messageCount: 1_000 });
    expect(store.cutSeq).toBe(0);
    await pruner.prune({ toSeq: 1_000 });
    expect(store.cutSeq).toBe(1_000);
    await pruner.prune({ keepMessages: 1_500 });
    expect(store.messageCount).toBe(1_500);
    await pruner.prune({ targetSizeBytes: 5 * MiB });
    expect(store.messageCount).toBe(750);
    expect(await pruner.prune({ keepMessages: 0 })).toMatchObject({ toSeq: 2_900 });
    expect(store.messageCount).toBe(minKeptMessages);
    expect(pruner.status().job).toMatchObject({ isDone: true, cutSeq: 2_900 });
    await expectConsistent(store);
  });

  it('ends what the owner asked for where it is, and does it later', async () => {
    await using folder = await aFolder();
    const cutting = Promise.withResolvers<void>();
    await using bench = await openBench(folder.path, {
      deps: { archive: async () => cutting.resolve() },
    });
    const { pruner, store } = bench;
    const pruning = pruner.prune({ toSeq: 2_500 });
    await cutting.promise;
    pruner.interrupt();
    await pruning;
    // At most the slice that was being cut.
    expect(store.cutSeq).toBeLessThanOrEqual(1_000);
    expect(pruner.status().job).toMatchObject({ isDone: true, toSeq: 2_500 });
    await pruner.prune({ toSeq: 2_500 });
    expect(store.cutSeq).toBe(2_500);
  });

  it('ends it also before it is known what is to be done', async () => {
    await using folder = await aFolder();
    await using bench = await openBench(folder.path);
    const { pruner, store } = bench;
    const pruning = pruner.prune({ toSeq: 2_500 });
    pruner.interrupt();
    await pruning;
    expect(pruner.status().job).toMatchObject({ isDone: true });
    expect(store.cutSeq).toBe(0);
    await pruner.prune({ toSeq: 10 });
    expect(store.cutSeq).toBe(10);
  });

  it('cuts on past the messages that name too many pruned ones', async () => {
    await using folder = await aFolder();
    const wish = { maxMessages: 100_000, maxEntryPoints: 20 };
    await using bench = await openBench(folder.path, wish);
    const { store, pruner, grower } = bench;
    // Eight parents each, long gone when these are still there.
    const crowding = Array.from({ length: 5 }, (_, n) =>
      grower.next({
        parents: grower.records.slice(n * 8, n * 8 + 8).map(({ id }) => id),
        arrivalMs: nowMs,
        isLazy: true,
      }),
    );
    await store.append(crowding);
    const next = grower.many(200, { arrivalMs: nowMs, isLazy: false });
    await store.append(next);
    await pruner.prune({ toSeq: 1_000 });
    await settled(bench, () => store.cutSeq > 3_005);
    expect(store.messageCount).toBe(minKeptMessages);
    expect(store.entryPointCount).toBeLessThanOrEqual(20);
    await expectConsistent(store);
  });

  it('keeps as many pruned ones that are named as it may', async () => {
    await using folder = await aFolder();
    await using bench = await openBench(folder.path, { maxMessages: 100_000, maxEntryPoints: 20 });
    const { store, pruner, grower } = bench;
    const parents = grower.records.slice(0, 8).map(({ id }) => id);
    await store.append([grower.next({ parents, arrivalMs: nowMs, isLazy: true })]);
    await store.append(grower.many(200, { arrivalMs: nowMs, isLazy: false }));
    await pruner.prune({ toSeq: 1_000 });
    await settled(bench, () => true);
    // And two that the next ones in the line name.
    expect(store.entryPointCount).toBe(10);
    expect(store.cutSeq).toBe(1_000);
  });

  it('looks after the door while a piece is compacted', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    await using bench = await openBench(folder.path, { disk, maxSizeBytes: 64 * MiB });
    await bench.pruner[Symbol.asyncDispose]();
    await bench.store.cut({ upToSeq: 2_000 });
    const compacting = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    // Near enough that it is urgent, and that it looks often.
    disk.folderBytes = () => 63 * MiB;
    await using pruner = await startCompacting(bench, async () => {
      compacting.resolve();
      await released.promise;
    });
    await compacting.promise;
    disk.folderBytes = () => 120 * MiB;
    while (pruner.gate() === undefined) await new Promise(setImmediate);
    expect(pruner.status()).toMatchObject({ state: 'compacting', slowedMs: Infinity });
    released.resolve();
  });

  it('begins nothing beside a piece that is compacted, also when the disk cannot be looked at', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    await using bench = await openBench(folder.path, { disk });
    await bench.pruner[Symbol.asyncDispose]();
    await bench.store.cut({ upToSeq: 2_000 });
    const running = { count: 0, most: 0, atFailure: -1 };
    const error = (): void => {
      running.atFailure = running.count;
    };
    const log = Object.create(silentLogger, { error: { value: error } }) as typeof silentLogger;
    const [failed, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    disk.folderBytes = () => {
      if (running.count === 0) return 63 * MiB;
      failed.resolve();
      throw new Error('EMFILE');
    };
    let pieces = 0;
    await using _pruner = await startCompacting(
      bench,
      async () => {
        running.most = Math.max(running.most, ++running.count);
        if (++pieces === 2) goesOn.resolve();
        else {
          await failed.promise;
          // It would be told of now.
          for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        }
        running.count -= 1;
      },
      log,
    );
    await goesOn.promise;
    expect(running).toMatchObject({ most: 1, atFailure: 0 });
  });

  it('tells a piece that is compacted to stop when it is closed', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    await using bench = await openBench(folder.path, { disk });
    await bench.pruner[Symbol.asyncDispose]();
    await bench.store.cut({ upToSeq: 2_000 });
    const compacting = Promise.withResolvers<AbortSignal>();
    disk.folderBytes = () => 63 * MiB;
    const pruner = await startCompacting(bench, async (_store, _part, stop) => {
      compacting.resolve(stop);
      // Were it not told, this would never end.
      await once(stop, 'abort');
    });
    const stop = await compacting.promise;
    expect(stop.aborted).toBe(false);
    await pruner[Symbol.asyncDispose]();
    expect(stop.aborted).toBe(true);
  });

  it('does one thing at a time', async () => {
    await using folder = await aFolder();
    await using bench = await openBench(folder.path);
    const first = bench.pruner.prune({ toSeq: 10 });
    await expect(bench.pruner.prune({ toSeq: 20 })).rejects.toMatchObject({ code: 'PRUNING_BUSY' });
    await first;
    await bench.pruner.prune({ toSeq: 20 });
    expect(bench.store.cutSeq).toBe(20);
  });

  it('goes on after a failure of the store, and moves nothing that was not archived', async () => {
    await using folder = await aFolder();
    let attempts = 0;
    const archive = (): Promise<void> => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(new Error('no archive')) : Promise.resolve();
    };
    await using bench = await openBench(folder.path, { deps: { archive } });
    await bench.pruner.prune({ toSeq: 10 });
    expect(attempts).toBe(2);
    expect(bench.store.cutSeq).toBe(10);
  });

  it('counts what was cut before it began, and first takes that off the disk', async () => {
    await using folder = await aFolder();
    const disk = new TestDisk();
    await using bench = await openBench(folder.path, { disk, messages: 6_000, dataBytes: 1_500 });
    await bench.pruner[Symbol.asyncDispose]();
    await bench.store.cut({ upToSeq: 4_000 });
    // Above where pruning begins by less than what was cut.
    disk.folderBytes = () => 62 * MiB;
    const compacted = Promise.withResolvers<number>();
    await using _pruner = await startCompacting(bench, async (store) => {
      await store.compact('log');
      disk.folderBytes = () => 56 * MiB;
      compacted.resolve(store.cutSeq);
    });
    expect(await compacted.promise).toBe(4_000);
  });
});
