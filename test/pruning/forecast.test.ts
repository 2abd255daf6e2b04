import { describe, expect, it } from 'vitest';
import { databaseStatus } from '../../src/pruning/forecast.ts';
import { aFolder } from '../support/folder.ts';
import { Grower, openTestStore } from '../storage/support.ts';

const MiB = 1024 * 1024;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const disk = {
  folderBytes: 10 * MiB,
  storeBytes: 8 * MiB,
  freeBytes: 100 * MiB,
  totalBytes: 1_000 * MiB,
};
const limits = {
  maxSizeBytes: 20 * MiB,
  reserveDiskBytes: 10 * MiB,
  maxPinnedBytes: 2 * MiB,
  maxEntryPoints: 1_000_000,
};

describe('the status of a store', () => {
  it('tells what it holds, and its growth by the last day alone', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const nowMs = 100 * dayMs;
    const grower = new Grower();
    const at = (arrivalMs: number) => grower.next({ arrivalMs, dataBytes: 100, index: 'x' });
    // Many a week ago, 24 within the last day.
    await store.append(Array.from({ length: 500 }, () => at(nowMs - 7 * dayMs)));
    await store.append(Array.from({ length: 24 }, (_, n) => at(nowMs - dayMs + n * hourMs + 1)));
    const status = await databaseStatus({ store, disk, limits, nowMs });
    expect(status).toMatchObject({
      messageCount: 524,
      cutSeq: 0,
      lastSeq: 524,
      diskBytes: 10 * MiB,
      freeBytes: 100 * MiB,
      oldestMs: nowMs - 7 * dayMs,
      newestMs: nowMs - hourMs + 1,
      ...limits,
    });
    const bytes = grower.records.reduce((sum, record) => sum + record.bytes.length, 0);
    expect(Math.abs(status.messageBytes / bytes - 1)).toBeLessThan(0.02);
    expect(status.growth).toMatchObject({ messagesPerDay: 24, measuredMs: dayMs });
    const { bytesPerDay, daysToMaxSize, daysToFullDisk } = status.growth!;
    expect(bytesPerDay / 24).toBeGreaterThan(bytes / 524);
    expect(daysToMaxSize).toBeCloseTo((10 * MiB) / bytesPerDay);
    expect(daysToFullDisk).toBeCloseTo((90 * MiB) / bytesPerDay);
  });

  it('of a young store counts since its oldest message', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const nowMs = 100 * dayMs;
    await store.append(new Grower().many(10, { arrivalMs: nowMs - hourMs }));
    const { growth } = await databaseStatus({ store, disk, limits, nowMs });
    expect(growth).toMatchObject({ measuredMs: hourMs, messagesPerDay: 240 });
  });

  it('of an old one that takes nothing any more never meets a limit, and of a full one meets it now', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    await store.append(new Grower().many(10, { arrivalMs: dayMs }));
    const quiet = await databaseStatus({ store, disk, limits, nowMs: 50 * dayMs });
    expect(quiet.growth).toMatchObject({
      messagesPerDay: 0,
      daysToMaxSize: Infinity,
      daysToFullDisk: Infinity,
    });
    const full = { ...disk, folderBytes: 30 * MiB, freeBytes: MiB };
    const status = await databaseStatus({ store, disk: full, limits, nowMs: dayMs + hourMs });
    expect(status.growth).toMatchObject({ daysToMaxSize: 0, daysToFullDisk: 0 });
    const none = { ...limits, maxSizeBytes: undefined, reserveDiskBytes: 0 };
    const free = await databaseStatus({ store, disk, limits: none, nowMs: dayMs + hourMs });
    expect(free.growth?.daysToMaxSize).toBeUndefined();
  });

  it('of an empty one tells no growth', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const status = await databaseStatus({ store, disk, limits, nowMs: 1 });
    expect(status).toMatchObject({ messageCount: 0, messageBytes: 0, reclaimableBytes: 0 });
    expect(status.growth).toBeUndefined();
  });

  it('tells what was pruned and is still on the disk', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path);
    const grower = new Grower();
    for (let append = 0; append < 60; append++) {
      await store.append(grower.many(100, { dataBytes: 1_500 }));
    }
    await store.cut({ upToSeq: 1_000 });
    const before = await databaseStatus({ store, disk, limits, nowMs: 1 });
    expect(before.reclaimableBytes).toBeGreaterThan(1_000_000);
    await store.compact('log');
    const after = await databaseStatus({ store, disk, limits, nowMs: 1 });
    expect(after.reclaimableBytes).toBeLessThan(before.reclaimableBytes / 10);
  });
});
