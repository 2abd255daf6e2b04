// The node is killed from outside while clients attach; everything answered 201 must be there afterwards.
import { describe, expect, it } from 'vitest';
import { networkIdOf } from '../../src/protocol/ids.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { attachMany, faultsOf } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const kills = Number(process.env['CRASH_KILLS'] ?? 20);
const minAcknowledged = 50;

/** Every invariant of the store, before any start has put anything right. */
async function expectWhole(dataDir: string): Promise<void> {
  const name = 'midge-private';
  const report = await verifyStore({
    dataDir,
    network: { name, id: networkIdOf(name) },
    cacheBytes: 8 * 1024 * 1024,
    onProgress: () => undefined,
  });
  expect(report.faults).toEqual([]);
}

describe('a node that is killed while clients attach', () => {
  it(
    `has everything that it acknowledged, and a store that is whole, ${kills} times`,
    { timeout: 300_000 },
    async () => {
      await using folder = await aFolder();
      const all: Acknowledged[] = [];
      for (let kill = 0; kill < kills; kill++) {
        await using node = await NodeProcess.start({ dataDir: folder.path });
        const previous = all.filter(({ index }) => index.startsWith(`round ${kill - 1} `));
        expect(await faultsOf(node.url, previous)).toEqual([]);
        // A random number of answers, so that the kill falls into any stage of a batch.
        const enough = minAcknowledged + Math.floor(Math.random() * 100);
        let count = 0;
        await attachMany(node.url, { index: `round ${kill}`, connections: 8 }, (message) => {
          all.push(message);
          count += 1;
          if (count === enough) node.child.kill('SIGKILL');
          return true;
        });
        expect(count).toBeGreaterThanOrEqual(minAcknowledged);
        expect(await node.exited).toBe('SIGKILL');
        await expectWhole(folder.path);
      }
      await using node = await NodeProcess.start({ dataDir: folder.path });
      expect(await faultsOf(node.url, all)).toEqual([]);
      expect(await node.stop()).toBe(0);
    },
  );
});
