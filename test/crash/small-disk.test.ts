// A small real filesystem that somebody else fills, while clients attach and the node prunes by its settings.
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { parseMessageId } from '../../src/protocol/ids.ts';
import { openStore } from '../../src/storage/open.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { attach, attachMany, faultsOf, isAcknowledged } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';
import { testNetwork } from '../support/messages.ts';
import { untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';

const MiB = 2 ** 20;
const diskMiB = 192;
const reserveBytes = 24 * MiB;
const connections = 8;
const isMountAllowed = await canMount();

function expectFull(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
}

class Disk {
  readonly dataDir: string;
  readonly #path: string;
  readonly #foreign: string;
  readonly acknowledged: Acknowledged[] = [];

  constructor(path: string) {
    this.#path = path;
    this.dataDir = join(path, 'data');
    this.#foreign = join(path, 'foreign');
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#path);
    return bavail * bsize;
  }

  ballastBytes(): Promise<number> {
    return stat(join(this.dataDir, 'ballast')).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** Somebody else's file takes what is there but so much; of 0 left until nothing can be written. */
  async fillUpTo(leftBytes: number): Promise<void> {
    await using file = await open(this.#foreign, 'a');
    const chunk = new Uint8Array(64 * 1024);
    const isFilled = async (): Promise<boolean> =>
      leftBytes > 0 && (await this.freeBytes()) <= leftBytes + chunk.length;
    try {
      while (!(await isFilled())) await file.write(chunk);
    } catch (error) {
      expectFull(error);
    }
  }

  freeAgain(): Promise<void> {
    return rm(this.#foreign, { force: true });
  }

  start(): Promise<NodeProcess> {
    return NodeProcess.start({
      dataDir: this.dataDir,
      settings: {
        'network.name': testNetwork.name,
        'pruning.max-size-bytes': 128 * MiB,
        'pruning.reserve-disk-bytes': reserveBytes,
        'pow.cpu-budget': 1,
      },
    });
  }

  /** Until one is refused, or so many were taken. */
  async attach(url: string, index: string, count = Infinity): Promise<void> {
    const before = this.acknowledged.length;
    await attachMany(url, { index, connections, sizeBytes: 12_000 }, (message) => {
      return this.acknowledged.push(message) - before < count;
    });
  }

  /** Of what was acknowledged, in that order, what is still there; and how many the node has cut. */
  async left(): Promise<{ readonly isThere: readonly boolean[]; readonly cutSeq: number }> {
    const options = { dataDir: this.dataDir, durability: 'power-loss' } as const;
    await using store = await openStore(
      { ...options, network: testNetwork, cacheBytes: 8 * MiB },
      { log: silentLogger },
    );
    const isThere = this.acknowledged.map(({ id }) => store.has(parseMessageId(id, 'id')));
    return { isThere, cutSeq: store.cutSeq };
  }
}

describe.skipIf(!isMountAllowed)('a small disk (needs the right to mount a tmpfs)', () => {
  it('that is full lets a node start that was killed: its ballast goes', async () => {
    await using folder = await aFolder();
    using mounted = mountTmpfs(folder.path, diskMiB);
    expect(mounted).toBeDefined();
    const disk = new Disk(folder.path);
    {
      await using node = await disk.start();
      do await disk.attach(node.url, 'before', 50);
      while ((await disk.ballastBytes()) < reserveBytes / 8);
      await node.kill();
    }
    await disk.fillUpTo(0);
    await using node = await disk.start();
    expect(await faultsOf(node.url, disk.acknowledged.slice(-50))).toEqual([]);
    await disk.freeAgain();
    let answer = await attach(node.url, 'freed', 'again');
    while (!isAcknowledged(answer)) answer = await attach(node.url, 'freed', 'again');
  });

  it('runs full and back, while the node prunes, refuses, reads on and loses nothing', async () => {
    await using folder = await aFolder();
    using mounted = mountTmpfs(folder.path, diskMiB);
    expect(mounted).toBeDefined();
    const disk = new Disk(folder.path);
    {
      await using node = await disk.start();
      await disk.attach(node.url, 'before', 2_000);
      expect((await stat(join(disk.dataDir, 'ballast'))).size).toBe(reserveBytes / 8);

      // Below the reserve: refused before the disk is full, and made good by pruning alone.
      const attaching = disk.attach(node.url, 'meanwhile');
      await disk.fillUpTo(reserveBytes / 4);
      await node.logged('the disk is nearly full, no messages are taken');
      await attaching;
      await node.logged('the disk has room again, messages are taken');
      await disk.attach(node.url, 'pruned', 200);
      await untilHealthy(node);
      expect(await disk.freeBytes()).toBeGreaterThan(reserveBytes / 2);

      // Nothing can be written at all.
      const attachingMore = disk.attach(node.url, 'full');
      await disk.fillUpTo(0);
      await attachingMore;
      const newest = disk.acknowledged.slice(-20);
      expect(await faultsOf(node.url, newest)).toEqual([]);
      await disk.freeAgain();
      let answer = await attach(node.url, 'freed', 'again');
      while (!isAcknowledged(answer)) answer = await attach(node.url, 'freed', 'again');
      await disk.attach(node.url, 'freed', 200);
      await node.kill();
    }
    {
      await using node = await disk.start();
      expect(await faultsOf(node.url, disk.acknowledged.slice(-200))).toEqual([]);
      await node.stop();
    }
    const report = await verifyStore({
      dataDir: disk.dataDir,
      network: testNetwork,
      cacheBytes: 8 * MiB,
      onProgress: () => undefined,
    });
    expect(report.faults).toEqual([]);
    // Only the oldest are gone. Answers of several connections may come in another order than their messages.
    const { isThere, cutSeq } = await disk.left();
    const firstThere = isThere.indexOf(true);
    expect(firstThere).toBeGreaterThan(0);
    expect(isThere.indexOf(false, firstThere + connections)).toBe(-1);
    expect(isThere.filter((there) => !there).length).toBeLessThanOrEqual(cutSeq);
  });
});
